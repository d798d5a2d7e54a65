// Package stack starts processes on loopback, keeps them together, and ends them in reverse order.
package stack

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Settings are what `up` is told.
type Settings struct {
	Dir          string
	StartupDelay time.Duration
	Kwok         string
	Nodes        int
	HPASync      time.Duration
	Prometheus   bool
	Postgres     bool
}

// Info is printed as one JSON line once everything is ready.
type Info struct {
	Dir        string `json:"dir"`
	Kubeconfig string `json:"kubeconfig"`
	APIServer  string `json:"apiserver"`
	// Prometheus is the server's URL, empty when it is not installed.
	Prometheus string `json:"prometheus"`
	// PrometheusTargets is the folder whose *.json files name what is scraped.
	PrometheusTargets string         `json:"prometheus_targets_dir"`
	Postgres          string         `json:"postgres"`
	Pids              map[string]int `json:"pids"`
	StartMillis       int64          `json:"start_ms"`
}

type stack struct {
	settings Settings
	procs    []*process
	ready    map[string]func() error
	died     chan string
}

// Up runs until SIGTERM, SIGINT, the end of standard input where that was asked for, or until a component ends by
// itself.
func Up(args []string) int {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	var settings Settings
	flags.StringVar(&settings.Dir, "dir", "", "state folder (default: a new temporary one, removed at the end)")
	flags.DurationVar(&settings.StartupDelay, "startup-delay", 3*time.Second, "from a pod's start until it is ready")
	flags.StringVar(&settings.Kwok, "kwok", "", "the kwok program")
	flags.IntVar(&settings.Nodes, "nodes", 20, "nodes, each of which takes 500 pods")
	flags.DurationVar(&settings.HPASync, "hpa-sync", time.Second, "HPA sync period (Kubernetes' default is 15s)")
	flags.BoolVar(&settings.Prometheus, "prometheus", true, "start Prometheus when it is installed")
	flags.BoolVar(&settings.Postgres, "postgres", true, "start PostgreSQL when it is installed")
	untilEOF := flags.Bool("until-eof", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	began := time.Now()
	s := &stack{settings: settings, ready: map[string]func() error{}, died: make(chan string, 8)}
	remove, err := s.prepare()
	defer remove()
	if err == nil {
		defer s.stop()
		var info *Info
		if info, err = s.start(); err == nil {
			info.StartMillis = time.Since(began).Milliseconds()
			err = json.NewEncoder(os.Stdout).Encode(info)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		return 1
	}
	return s.wait(*untilEOF)
}

func (s *stack) prepare() (remove func(), err error) {
	remove = func() {}
	if s.settings.Dir == "" {
		if s.settings.Dir, err = os.MkdirTemp("", "tenantry-testbed-"); err != nil {
			return remove, err
		}
		dir := s.settings.Dir
		remove = func() { _ = os.RemoveAll(dir) }
	} else if s.settings.Dir, err = filepath.Abs(s.settings.Dir); err != nil {
		return remove, err
	}
	// PostgreSQL runs as another user when we are root, and must be able to pass through.
	return remove, errors.Join(os.MkdirAll(s.settings.Dir, 0o755), os.Chmod(s.settings.Dir, 0o755))
}

func (s *stack) start() (*Info, error) {
	info := &Info{Dir: s.settings.Dir, Pids: map[string]int{}}
	if err := s.kubernetes(info); err != nil {
		return nil, err
	}
	if err := s.prometheus(info); err != nil {
		return nil, err
	}
	if err := s.postgres(info); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	for _, p := range s.procs {
		info.Pids[p.name] = p.pid()
	}
	return info, nil
}

func (s *stack) wait(untilEOF bool) int {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	eof := make(chan struct{})
	if untilEOF {
		go func() {
			buffer := make([]byte, 64)
			for {
				if _, err := os.Stdin.Read(buffer); err != nil {
					close(eof)
					return
				}
			}
		}()
	}
	select {
	case <-ended:
		return 0
	case <-eof:
		return 0
	case why := <-s.died:
		fmt.Fprintln(os.Stderr, "testbed:", why)
		return 1
	}
}

// run starts a component and waits until ready says it is.
func (s *stack) run(p *process, ready func() error, limit time.Duration) error {
	p.log = s.file(p.name + ".log")
	if err := p.start(s.died); err != nil {
		return err
	}
	s.procs = append(s.procs, p)
	s.ready[p.name] = func() error { return s.until(p.name, ready, limit) }
	return s.ready[p.name]()
}

// until asks ready again and again.
func (s *stack) until(name string, ready func() error, limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s was not ready within %s: %w", name, limit, err)
		}
		select {
		case why := <-s.died:
			return errors.New(why)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *stack) stop() {
	for i := len(s.procs) - 1; i >= 0; i-- {
		p := s.procs[i]
		sig := syscall.SIGTERM
		if p.name == "postgres" {
			// Its fast shutdown.
			sig = syscall.SIGINT
		}
		if p.name == "kube-apiserver" || p.name == "etcd" {
			// Nothing of theirs is to be kept; a graceful end waits for watches for a minute.
			sig = syscall.SIGKILL
		}
		p.end(sig)
	}
}

func (s *stack) file(name string) string { return filepath.Join(s.settings.Dir, name) }

// ports finds n free ports.
func ports(n int) ([]string, error) {
	var found []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Held until all are found, so that none is found twice.
		defer listener.Close()
		found = append(found, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return found, nil
}

// answers says whether url answers with 200.
func answers(client *http.Client, url string) func() error {
	return func() error {
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, response.Status)
		}
		return nil
	}
}
