package stack

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"text/template"
	"time"

	_ "embed"
)

//go:embed kwok.yaml
var kwokTemplate string

// kwok names the program that plays the nodes' part: pods start, and are ready after the delay.
func (s *stack) kwok(port string) (*process, error) {
	config, err := kwokConfig(s.settings.StartupDelay, s.settings.StartupDelayMax)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.file("kwok.yaml"), config, 0o644); err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + port
	healthy := answers(s.api.client, "https://"+address+"/healthz")
	ready := func() error {
		if err := healthy(); err != nil {
			return err
		}
		return s.nodesReady()
	}
	return s.add(&process{name: "kwok", bin: s.settings.Kwok, ready: ready, limit: 2 * time.Minute,
		args: []string{"--kubeconfig=" + s.file("admin.kubeconfig"), "--manage-all-nodes", "--server-address=" + address,
			"--node-lease-duration-seconds=40",
			// Where metrics-server looks for what pods use.
			"--node-ip=127.0.0.1", "--node-port=" + port,
			"--tls-cert-file=" + s.file("apiserver.crt"), "--tls-private-key-file=" + s.file("apiserver.key"),
			"--config=" + s.file("kwok.yaml")}}), nil
}

func kwokConfig(delay, delayMax time.Duration) ([]byte, error) {
	// The braces are KWOK's own.
	text, err := template.New("kwok").Delims("<<", ">>").Parse(kwokTemplate)
	if err != nil {
		return nil, err
	}
	var config bytes.Buffer
	err = text.Execute(&config, map[string]int64{"Delay": delay.Milliseconds(), "DelayMax": delayMax.Milliseconds()})
	return config.Bytes(), err
}

const nodeForm = `{"apiVersion":"v1","kind":"Node","metadata":{"name":%[1]q,"labels":{"kubernetes.io/hostname":%[1]q},
"annotations":{"metrics.k8s.io/resource-metrics-path":"/metrics/nodes/%[1]s/metrics/resource"}},
"status":{"capacity":{"cpu":"1000","memory":"4Ti","pods":"500"},"allocatable":{"cpu":"1000","memory":"4Ti","pods":"500"}}}`

func (s *stack) makeNodes() error {
	for number := range s.settings.Nodes {
		node := fmt.Sprintf(nodeForm, "node-"+strconv.Itoa(number))
		if err := s.make("/api/v1/nodes", node); err != nil {
			return fmt.Errorf("node %d %w", number, err)
		}
	}
	return nil
}

// make makes an object, and tries again while the API server does not take it.
func (s *stack) make(path, object string) error {
	try := func() error {
		err := s.api.call(http.MethodPost, path, object, nil)
		if status := new(refused); errors.As(err, &status) && status.code == http.StatusConflict {
			// An earlier try arrived, and only its answer was lost.
			return nil
		}
		return err
	}
	return s.until(try, time.Minute, nil)
}

func (s *stack) nodesReady() error {
	var nodes struct {
		Items []struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := s.api.call(http.MethodGet, "/api/v1/nodes", "", &nodes); err != nil {
		return err
	}
	ready := 0
	for _, node := range nodes.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				ready++
			}
		}
	}
	if ready < s.settings.Nodes {
		return fmt.Errorf("%d of %d nodes are ready", ready, s.settings.Nodes)
	}
	return nil
}
