package phases

import (
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// furnish gives a Pod what Pods of real workloads have beside their containers: labels and
// annotations, init containers and sidecars, volumes of the usual kinds, and in every
// container variables, ports and mounts. It goes after the options that add containers.
//
// Names that occur twice are on purpose. The API server takes a variable of one name and a
// port of one number twice, and warns only, so such Pods exist, and what updates them must
// cope with it.
func furnish(image string) pod.Option {
	return func(p *corev1.Pod) {
		pod.Label("app.kubernetes.io/name", "furnished")(p)
		p.Annotations = map[string]string{"podproof.test/owner": "nobody", "podproof.test/empty": ""}
		pod.InitContainer("set-up", image, witness.Run(witness.For(0)))(p)
		pod.Sidecar("sidecar", image, witness.Run(witness.OnTerm(witness.ExitWith(0))))(p)
		pod.Volume("scratch")(p)
		p.Spec.Volumes = append(p.Spec.Volumes, usualVolumes()...)
		for _, containers := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
			for i := range containers {
				furnishContainer(&containers[i])
			}
		}
	}
}

// furnishContainer gives a container variables, ports and mounts.
func furnishContainer(c *corev1.Container) {
	pod.Env("TWICE", "first")(c)
	pod.EnvField("NAME", "metadata.name")(c)
	pod.Env("TWICE", "second $(NAME)")(c)
	c.EnvFrom = []corev1.EnvFromSource{
		{Prefix: "MAP_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: named("no-such-map"), Optional: ptr.To(true)}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: named("no-such-secret"), Optional: ptr.To(true)}},
	}
	c.Ports = []corev1.ContainerPort{
		{Name: "http", ContainerPort: 8080},
		{Name: "dns", ContainerPort: 8080, Protocol: corev1.ProtocolUDP},
		{Name: "http-again", ContainerPort: 8080},
		{ContainerPort: 9090},
	}
	pod.Mount("scratch", "/scratch")(c)
	mountPart := corev1.VolumeMount{Name: "scratch", MountPath: "/part", SubPath: "part"}
	c.VolumeMounts = append(c.VolumeMounts, mountPart)
	for _, v := range usualVolumes() {
		pod.MountReadOnly(v.Name, "/"+v.Name)(c)
	}
}

// usualVolumes are a volume of each kind that needs nothing from the cluster.
func usualVolumes() []corev1.Volume {
	labels := []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}
	kinds := map[string]corev1.VolumeSource{
		"memory":   {EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}},
		"map":      {ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: named("no-such-map"), Optional: ptr.To(true)}},
		"secret":   {Secret: &corev1.SecretVolumeSource{SecretName: "no-such-secret", Optional: ptr.To(true)}},
		"downward": {DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: labels}},
		"projected": {Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: labels}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: named("no-such-map"), Optional: ptr.To(true)}},
		}}},
	}
	var volumes []corev1.Volume
	for _, name := range []string{"memory", "map", "secret", "downward", "projected"} {
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: kinds[name]})
	}
	return volumes
}

func named(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
