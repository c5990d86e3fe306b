package existing

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// inCluster is the name of the cluster, the user and the context in the kubeconfig that
// InCluster writes.
const inCluster = "in-cluster"

// CheckInCluster tells why podproof cannot run in the cluster that it is in: it is in no
// pod, or in one without a service account's token.
func CheckInCluster() error {
	_, err := podConfig()
	return err
}

func podConfig() (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("podproof does not run in a pod with a service account: %w", err)
	}
	return config, nil
}

// InCluster writes a kubeconfig into dir for the cluster of the pod that podproof runs
// in, and returns its path. It names the files of the pod's service account and has none
// of their content, so that a token that the kubelet renews is read again. A file, and
// not only a client's configuration, is what test processes and kubectl can be given.
func InCluster(dir string) (string, error) {
	pod, err := podConfig()
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[inCluster] = &clientcmdapi.Cluster{Server: pod.Host, CertificateAuthority: pod.CAFile}
	config.AuthInfos[inCluster] = &clientcmdapi.AuthInfo{TokenFile: pod.BearerTokenFile}
	config.Contexts[inCluster] = &clientcmdapi.Context{Cluster: inCluster, AuthInfo: inCluster}
	config.CurrentContext = inCluster
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}
