package realcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
)

type proxy struct {
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

func (p *proxy) serve(l net.Listener, to string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.down {
			p.mu.Unlock()
			c.Close()
			continue
		}
		u, err := net.Dial("tcp", to)
		if err != nil {
			c.Close()
			p.mu.Unlock()
			continue
		}
		p.conns = append(p.conns, c, u)
		p.mu.Unlock()
		go io.Copy(c, u)
		go io.Copy(u, c)
	}
}
func (p *proxy) cut(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func TestReal(t *testing.T) {
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("JKUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	direct := kubernetes.NewForConfigOrDie(cfg)
	u, _ := url.Parse(cfg.Host)
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	px := &proxy{}
	go px.serve(l, u.Host)
	via := *cfg
	via.Host = "https://" + l.Addr().String()
	client := kubernetes.NewForConfigOrDie(&via)

	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	ns := "podproof-journal-check"
	_, err = direct.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer direct.CoreV1().Namespaces().Delete(context.Background(), ns, metav1.DeleteOptions{})
	began := time.Now()
	j, err := journal.Open(ctx, client, ns)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open took", time.Since(began))
	defer j.Close()
	image := os.Getenv("JIMAGE")
	create := func(p *corev1.Pod) *journal.Story {
		p, err := direct.CoreV1().Pods(ns).Create(ctx, p, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return j.StoryOf(p.UID)
	}
	crash := create(pod.New("crash", pod.Container("c", image, witness.Run(witness.For(300*time.Millisecond), witness.ExitCode(3)))))
	wait := create(pod.New("wait", pod.Grace(5), pod.Container("c", image, witness.Run())))
	if _, err := wait.Await(ctx, pod.Ready()); err != nil {
		t.Error(err)
	}
	if _, err := crash.Await(ctx, pod.Restarted("c", 1)); err != nil {
		t.Error(err)
	}
	fmt.Println("--- cut for 6 s")
	px.cut(true)
	time.Sleep(500 * time.Millisecond)
	fmt.Println("away:", crash.Err())
	direct.CoreV1().Pods(ns).Delete(ctx, "wait", metav1.DeleteOptions{})
	time.Sleep(5500 * time.Millisecond)
	px.cut(false)
	if _, err := wait.AwaitGone(ctx); err != nil {
		t.Error(err)
	}
	px.cut(false) // a short one
	if _, err := crash.Await(ctx, pod.Restarted("c", 2)); err != nil {
		t.Error(err)
	}
	short, c2 := context.WithTimeout(ctx, 2*time.Second)
	_, err = crash.Await(short, pod.InPhase(corev1.PodSucceeded))
	c2()
	fmt.Println("unmet:", journal.IsUnmet(err), errors.Is(err, context.DeadlineExceeded))
	fmt.Println(err)
	fmt.Println("--- outages", j.Outages(), "err", j.Err())
	fmt.Println(wait)
	for _, i := range pod.Instances(crash, "c") {
		fmt.Printf("%+v\n", i)
	}
	for _, s := range j.Stories() {
		fmt.Println("laws", s.Name(), journal.CheckLaws(s.Versions()))
	}
}
