package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const prometheusForm = `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: testbed
    honor_labels: true
    file_sd_configs: [{ files: [%q], refresh_interval: 1s }]
`

// nothing is the step of a part that is not there.
func nothing() error { return nil }

// prometheus names Debian's Prometheus, which scrapes every second what files in its targets folder name, and gives
// the step that starts it.
func (s *stack) prometheus(port string) (func() error, error) {
	bin, err := exec.LookPath("prometheus")
	if err != nil || !s.settings.Prometheus {
		return nothing, nil
	}
	folder := s.file("prometheus")
	targets, config := filepath.Join(folder, "targets"), filepath.Join(folder, "prometheus.yml")
	text := fmt.Sprintf(prometheusForm, filepath.Join(targets, "*.json"))
	if err := errors.Join(os.MkdirAll(targets, 0o755), os.WriteFile(config, []byte(text), 0o644)); err != nil {
		return nil, err
	}
	url := "http://127.0.0.1:" + port
	s.info.Prometheus, s.info.PrometheusTargets = &url, &targets
	p := s.add(&process{name: "prometheus", bin: bin, ready: answers(probe, url+"/-/ready"), limit: time.Minute,
		args: []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(folder, "data"),
			"--web.listen-address=127.0.0.1:" + port}})
	return func() error { return s.run(p) }, nil
}
