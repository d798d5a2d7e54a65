package stack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"syscall"
	"time"

	"tenantry.dev/testbed/pki"
)

// cluster names etcd, the API server, the controllers, the scheduler and KWOK, and gives the step that starts them. It
// takes six ports.
func (s *stack) cluster(free []string) (func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	etcdURL, server := "http://127.0.0.1:"+free[0], "https://127.0.0.1:"+free[2]
	s.info.APIServer, s.info.Kubeconfig = server, s.file("admin.kubeconfig")
	client, err := s.certificates(server)
	if err != nil {
		return nil, err
	}
	s.api = api{client: client, server: server}
	etcd := s.add(&process{name: "etcd", bin: self, ready: answers(probe, etcdURL+"/health"), limit: time.Minute,
		// Nothing of it is to be kept.
		stop: syscall.SIGKILL,
		args: []string{"etcd", "--unsafe-no-fsync", "--data-dir=" + s.file("etcd"), "--listen-client-urls=" + etcdURL,
			"--advertise-client-urls=" + etcdURL, "--listen-peer-urls=http://127.0.0.1:" + free[1]}})
	apiserver := s.add(&process{name: "kube-apiserver", bin: self, ready: answers(client, server+"/readyz"),
		// Its graceful end waits for watches for a minute.
		limit: 3 * time.Minute, stop: syscall.SIGKILL, args: s.apiserverArgs(etcdURL, free[2])})
	manager := s.add(&process{name: "kube-controller-manager", bin: self, limit: 2 * time.Minute,
		ready: s.controllersWork(answers(client, "https://127.0.0.1:"+free[3]+"/healthz")),
		args: append(s.controllerArgs("kube-controller-manager", free[3]),
			"--root-ca-file="+s.file("ca.crt"), "--service-account-private-key-file="+s.file("sa.key"),
			"--use-service-account-credentials=true",
			"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20",
			"--horizontal-pod-autoscaler-sync-period="+s.settings.HPASync.String(),
			"--horizontal-pod-autoscaler-downscale-stabilization="+s.settings.HPADownscale.String(),
			"--horizontal-pod-autoscaler-cpu-initialization-period="+s.settings.HPACPUInit.String(),
			"--horizontal-pod-autoscaler-initial-readiness-delay="+s.settings.HPAReadiness.String())})
	scheduler := s.add(&process{name: "kube-scheduler", bin: self, limit: 2 * time.Minute,
		ready: answers(client, "https://127.0.0.1:"+free[4]+"/healthz"),
		args:  s.controllerArgs("kube-scheduler", free[4])})
	kwok, err := s.kwok(free[5])
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := s.run(etcd); err != nil {
			return err
		}
		if err := s.run(apiserver); err != nil {
			return err
		}
		return together(
			func() error { return s.run(manager) },
			func() error { return s.run(scheduler) },
			func() error { return errors.Join(s.makeNodes(), s.run(kwok)) },
		)
	}, nil
}

// controllersWork holds when a controller has done something: it has given the namespace `default` its account, without
// which no pod can be made there.
func (s *stack) controllersWork(healthy func() error) func() error {
	return func() error {
		if err := healthy(); err != nil {
			return err
		}
		return s.api.call(http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", "", nil)
	}
}

// certificates writes every certificate and kubeconfig, and gives the administrator's client.
func (s *stack) certificates(server string) (*http.Client, error) {
	dir := s.settings.Dir
	ca, err := pki.NewCA(dir, "ca")
	if err != nil {
		return nil, err
	}
	front, err := pki.NewCA(dir, "front-proxy-ca")
	if err != nil {
		return nil, err
	}
	_, _, frontErr := front.Leaf("front-proxy-client", "front-proxy-client")
	_, _, serverErr := ca.Leaf("apiserver", "kube-apiserver")
	if err := errors.Join(frontErr, serverErr, pki.ServiceAccountKey(dir)); err != nil {
		return nil, err
	}
	users := []struct {
		file, name string
		groups     []string
	}{
		{"admin", "admin", []string{"system:masters"}},
		{"kube-controller-manager", "system:kube-controller-manager", nil},
		{"kube-scheduler", "system:kube-scheduler", nil},
	}
	for _, user := range users {
		certificate, key, err := ca.Leaf(user.file, user.name, user.groups...)
		if err != nil {
			return nil, err
		}
		if err := ca.Kubeconfig(s.file(user.file+".kubeconfig"), server, certificate, key); err != nil {
			return nil, err
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM)
	pair, err := tls.LoadX509KeyPair(s.file("admin.crt"), s.file("admin.key"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &http.Client{Timeout: 5 * time.Second, Transport: transport}, nil
}

func (s *stack) apiserverArgs(etcdURL, port string) []string {
	return []string{"kube-apiserver",
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		// Endpoints may not be loopback addresses, so the kubernetes Service gets none.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--etcd-servers=" + etcdURL,
		"--tls-cert-file=" + s.file("apiserver.crt"), "--tls-private-key-file=" + s.file("apiserver.key"),
		"--client-ca-file=" + s.file("ca.crt"), "--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=10.0.0.0/16", "--allow-privileged=true",
		"--service-account-key-file=" + s.file("sa.pub"), "--service-account-signing-key-file=" + s.file("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--requestheader-client-ca-file=" + s.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + s.file("front-proxy-client.crt"),
		"--proxy-client-key-file=" + s.file("front-proxy-client.key"),
		// High enough that what is measured is never the server's own throttling.
		"--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000",
	}
}

func (s *stack) controllerArgs(name, port string) []string {
	config := s.file(name + ".kubeconfig")
	return []string{name, "--kubeconfig=" + config, "--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config, "--bind-address=127.0.0.1", "--secure-port=" + port,
		"--leader-elect=false", "--tls-cert-file=" + s.file("apiserver.crt"),
		"--tls-private-key-file=" + s.file("apiserver.key"), "--kube-api-qps=500", "--kube-api-burst=1000"}
}
