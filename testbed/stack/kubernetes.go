package stack

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/template"
	"time"

	_ "embed"

	"tenantry.dev/testbed/pki"
)

//go:embed stages.yaml
var stages string

// kubernetes starts etcd, the API server, the controllers, the scheduler and KWOK, and makes the nodes.
func (s *stack) kubernetes(info *Info) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	free, err := ports(5)
	if err != nil {
		return err
	}
	etcdURL, server := "http://127.0.0.1:"+free[0], "https://127.0.0.1:"+free[2]
	client, err := s.certificates(server)
	if err != nil {
		return err
	}
	etcd := &process{name: "etcd", bin: self, args: []string{"etcd", "--unsafe-no-fsync", "--data-dir=" + s.file("etcd"),
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=http://127.0.0.1:" + free[1]}}
	if err := s.run(etcd, answers(http.DefaultClient, etcdURL+"/health"), 30*time.Second); err != nil {
		return err
	}
	apiserver := &process{name: "kube-apiserver", bin: self, args: s.apiserverArgs(etcdURL, free[2])}
	if err := s.run(apiserver, answers(client, server+"/readyz"), 120*time.Second); err != nil {
		return err
	}
	info.APIServer, info.Kubeconfig = server, s.file("admin.kubeconfig")
	manager := &process{name: "kube-controller-manager", bin: self,
		args: append(s.controllerArgs("kube-controller-manager", free[3]),
			"--root-ca-file="+s.file("ca.crt"), "--service-account-private-key-file="+s.file("sa.key"),
			"--use-service-account-credentials=true",
			"--horizontal-pod-autoscaler-sync-period="+s.settings.HPASync.String())}
	if err := s.run(manager, answers(client, "https://127.0.0.1:"+free[3]+"/healthz"), 60*time.Second); err != nil {
		return err
	}
	scheduler := &process{name: "kube-scheduler", bin: self, args: s.controllerArgs("kube-scheduler", free[4])}
	if err := s.run(scheduler, answers(client, "https://127.0.0.1:"+free[4]+"/healthz"), 60*time.Second); err != nil {
		return err
	}
	return s.kwok(client, server)
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

// kwok plays the nodes' part: pods start, and are ready after the delay.
func (s *stack) kwok(client *http.Client, server string) error {
	if s.settings.Kwok == "" {
		return errors.New("--kwok names no program")
	}
	text, err := template.New("stages").Delims("<<", ">>").Parse(stages)
	if err != nil {
		return err
	}
	var config bytes.Buffer
	if err := text.Execute(&config, map[string]int64{"Delay": s.settings.StartupDelay.Milliseconds()}); err != nil {
		return err
	}
	if err := os.WriteFile(s.file("kwok.yaml"), config.Bytes(), 0o644); err != nil {
		return err
	}
	for number := range s.settings.Nodes {
		if err := makeNode(client, server, "node-"+strconv.Itoa(number)); err != nil {
			return err
		}
	}
	kwok := &process{name: "kwok", bin: s.settings.Kwok, args: []string{"--kubeconfig=" + s.file("admin.kubeconfig"),
		"--manage-all-nodes",
		"--node-lease-duration-seconds=40", "--config=" + s.file("kwok.yaml")}}
	return s.run(kwok, nodeReady(client, server), 60*time.Second)
}

func makeNode(client *http.Client, server, name string) error {
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Node","metadata":{"name":%q,"labels":{"kubernetes.io/hostname":%q}},
"status":{"capacity":{"cpu":"1000","memory":"4Ti","pods":"500"},"allocatable":{"cpu":"1000","memory":"4Ti","pods":"500"}}}`, name, name)
	response, err := client.Post(server+"/api/v1/nodes", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusConflict {
		return fmt.Errorf("node %s: %s", name, response.Status)
	}
	return nil
}

func nodeReady(client *http.Client, server string) func() error {
	return func() error {
		response, err := client.Get(server + "/api/v1/nodes/node-0")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if !bytes.Contains(body, []byte(`"KubeletReady"`)) {
			return errors.New("node-0 is not ready")
		}
		return nil
	}
}
