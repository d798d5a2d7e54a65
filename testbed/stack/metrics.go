package stack

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// What makes the API server ask metrics-server: a Service by a name that resolves to loopback, as endpoints may not be
// loopback addresses.
const (
	metricsService = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"metrics-server","namespace":"kube-system"},
"spec":{"type":"ExternalName","externalName":"localhost"}}`
	metricsAPI = `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1beta1.metrics.k8s.io"},
"spec":{"group":"metrics.k8s.io","version":"v1beta1","groupPriorityMinimum":100,"versionPriority":100,
"insecureSkipTLSVerify":true,"service":{"name":"metrics-server","namespace":"kube-system","port":%PORT%}}}`
)

// metricsServer names what serves metrics.k8s.io from what KWOK says that pods use, and gives the step that starts it.
// Its first figures come when it has looked twice, after the step.
func (s *stack) metricsServer(port string) func() error {
	if !s.settings.Metrics {
		return nothing
	}
	config := s.file("admin.kubeconfig")
	alive := answers(s.api.client, "https://127.0.0.1:"+port+"/livez")
	p := s.add(&process{name: "metrics-server", bin: s.settings.MetricsServer, ready: alive, limit: time.Minute,
		args: []string{"--kubeconfig=" + config, "--authentication-kubeconfig=" + config,
			"--authorization-kubeconfig=" + config, "--bind-address=127.0.0.1", "--secure-port=" + port,
			"--tls-cert-file=" + s.file("apiserver.crt"), "--tls-private-key-file=" + s.file("apiserver.key"),
			"--kubelet-insecure-tls", "--kubelet-use-node-status-port",
			"--kubelet-preferred-address-types=InternalIP",
			// It takes no shorter one.
			"--metric-resolution=10s", "--kubelet-request-timeout=5s"}})
	return func() error {
		return errors.Join(
			s.make("/api/v1/namespaces/kube-system/services", metricsService),
			s.make("/apis/apiregistration.k8s.io/v1/apiservices", strings.Replace(metricsAPI, "%PORT%", port, 1)),
			s.run(p),
		)
	}
}

// podMetrics holds when the usage of all pods of a namespace is served.
func (s *stack) podMetrics(namespace string, count int) func() error {
	return func() error {
		var listed struct {
			Items []struct {
				Containers []struct{ Usage map[string]string }
			}
		}
		path := "/apis/metrics.k8s.io/v1beta1/namespaces/" + namespace + "/pods"
		if err := s.api.call(http.MethodGet, path, "", &listed); err != nil {
			return err
		}
		if len(listed.Items) != count {
			return errors.New("not every pod is measured yet")
		}
		return nil
	}
}
