package stack

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	smokeSpace = "/api/v1/namespaces/smoke"
	smokeApp   = "/apis/apps/v1/namespaces/smoke/deployments/app"
	smokeForm  = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app"},"spec":{"replicas":3,
"selector":{"matchLabels":{"app":"app"}},"template":{"metadata":{"labels":{"app":"app"}},
"spec":{"containers":[{"name":"app","image":"none","resources":{"requests":{"cpu":"100m"}}}]}}}}`
)

// Smoke starts a testbed, uses it as a test does, breaks it, and ends it; each step is printed as it is done.
func Smoke(args []string) int {
	began := time.Now()
	step := func(text string, values ...any) {
		fmt.Printf("smoke: %6.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(text, values...))
	}
	dir := ""
	status := with("smoke", args, func(s *stack) error {
		dir = s.settings.Dir
		var names []string
		for _, p := range s.procs {
			names = append(names, p.name)
		}
		step("up in %s: %s", dir, strings.Join(names, ", "))
		return s.smoke(step)
	})
	if status == 0 {
		step("down")
	}
	return status
}

func (s *stack) smoke(step func(text string, values ...any)) error {
	order := func(words string) func() error {
		return func() error { _, err := ask(s.settings.Dir, words); return err }
	}
	call := func(method, path, body string) func() error {
		return func() error { return s.api.call(method, path, body, nil) }
	}
	seen := func(count int) func() error {
		return func() error { return s.until(s.replicasReady(count), 2*time.Minute, nil) }
	}
	steps := []struct {
		does string
		do   func() error
	}{
		{"namespace made", call(http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"smoke"}}`)},
		// Made by a controller a moment after its namespace, and needed by every pod.
		{"its account is there", func() error {
			return s.until(call(http.MethodGet, smokeSpace+"/serviceaccounts/default", ""), time.Minute, nil)
		}},
		{"Deployment of 3 replicas made", call(http.MethodPost, strings.TrimSuffix(smokeApp, "/app"), smokeForm)},
		{"3 replicas ready", seen(3)},
		{"scale subresource set to 5", call(http.MethodPatch, smokeApp+"/scale", `{"spec":{"replicas":5}}`)},
		{"usage of 5 pods served", func() error {
			if !s.settings.Metrics {
				return nil
			}
			return s.until(s.podMetrics("smoke", 5), 2*time.Minute, nil)
		}},
		{"API server killed with SIGKILL", order("kill apiserver")},
		{"API server is gone", func() error {
			if s.replicasReady(5)() == nil {
				return fmt.Errorf("the killed API server answers")
			}
			return nil
		}},
		{"API server started again, same port and data", order("start apiserver")},
		{"5 replicas ready", seen(5)},
		{"namespace deleted", call(http.MethodDelete, smokeSpace, "")},
	}
	for _, next := range steps {
		if err := next.do(); err != nil {
			return fmt.Errorf("smoke: not so: %q: %w", next.does, err)
		}
		step("%s", next.does)
	}
	return nil
}

func (s *stack) replicasReady(count int) func() error {
	return func() error {
		var deployment struct{ Status struct{ ReadyReplicas int } }
		if err := s.api.call(http.MethodGet, smokeApp, "", &deployment); err != nil {
			return err
		}
		if ready := deployment.Status.ReadyReplicas; ready != count {
			return fmt.Errorf("%d replicas are ready, not %d", ready, count)
		}
		return nil
	}
}
