// Package stack starts processes on loopback, keeps them together, and ends them in reverse order.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Info is printed as one JSON line once everything is ready.
type Info struct {
	Dir        string `json:"dir"`
	Kubeconfig string `json:"kubeconfig"`
	APIServer  string `json:"apiserver"`
	// Prometheus is the server's URL, null when there is none.
	Prometheus *string `json:"prometheus"`
	// PrometheusTargets is the folder whose *.json files name what is scraped; null when there is no Prometheus.
	PrometheusTargets *string `json:"prometheus_targets_dir"`
	// Postgres is the URL of a database and its superuser, null when there is none.
	Postgres *string `json:"postgres"`
	// Pids has each component's process, 0 for one that was killed.
	Pids map[string]int `json:"pids"`
	// StartMillis is how long it took until everything was ready.
	StartMillis int64 `json:"start_ms"`
}

type stack struct {
	settings Settings
	info     Info
	// procs are in the order of their dependence: each needs only those before it.
	procs []*process
	died  chan error
	// ended is done when the testbed was told to end.
	ended context.Context
	// orders lets one order from outside be carried out at a time.
	orders sync.Mutex
	api    api
	// outside are folders elsewhere that are removed at the end.
	outside []string
}

// Up runs until SIGTERM, SIGINT, the end of standard input where that was asked for, or until a component ends by
// itself.
func Up(args []string) int {
	return with("up", args, func(s *stack) error {
		if err := json.NewEncoder(os.Stdout).Encode(s.describe()); err != nil {
			return err
		}
		select {
		case <-s.ended.Done():
			return nil
		case why := <-s.died:
			return why
		}
	})
}

// with starts everything, does what it is there for, and ends everything. It gives the exit status.
func with(command string, args []string, do func(s *stack) error) int {
	settings, err := parse(command, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		return 2
	}
	ended, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if settings.UntilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	s := &stack{settings: settings, died: make(chan error, 1), ended: ended}
	remove, err := s.folder()
	defer remove()
	if err == nil {
		defer s.stop()
		if err = s.start(); err == nil {
			err = do(s)
		}
	}
	if err != nil && ended.Err() == nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		return 1
	}
	return 0
}

// start starts everything, as much as possible at the same time.
func (s *stack) start() error {
	began := time.Now()
	free, err := ports(9)
	if err != nil {
		return err
	}
	s.info = Info{Dir: s.settings.Dir, Pids: map[string]int{}}
	if err := os.WriteFile(s.file(marker), nil, 0o644); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	cluster, err := s.cluster(free[:6])
	if err != nil {
		return err
	}
	prometheus, err := s.prometheus(free[6])
	if err != nil {
		return err
	}
	metrics := s.metricsServer(free[8])
	postgres, err := s.postgres(free[7])
	if err != nil {
		return err
	}
	// Orders from outside wait until everything is there.
	s.orders.Lock()
	defer s.orders.Unlock()
	if err := together(cluster, prometheus, postgres); err != nil {
		return err
	}
	if err := metrics(); err != nil {
		return err
	}
	s.info.StartMillis = time.Since(began).Milliseconds()
	return nil
}

// add names a component; starting it is a step of its own.
func (s *stack) add(p *process) *process {
	p.log = s.file(p.name + ".log")
	if p.stop == 0 {
		p.stop = syscall.SIGTERM
	}
	s.procs = append(s.procs, p)
	return p
}

// run starts a component and waits until it is ready.
func (s *stack) run(p *process) error {
	if err := p.launch(s.died); err != nil {
		return err
	}
	if err := s.until(p.ready, p.limit, p.running()); err != nil {
		return p.fault(err.Error())
	}
	p.watch()
	return nil
}

// until asks ready again and again, until it gives no error, the time is over, or lost is closed.
func (s *stack) until(ready func() error, limit time.Duration, lost <-chan struct{}) error {
	end := time.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("was not ready within %s: %w", limit, err)
		}
		select {
		case <-lost:
			return fmt.Errorf("ended before it was ready: %w", err)
		case <-s.ended.Done():
			return errors.New("was told to end")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *stack) stop() {
	for i := len(s.procs) - 1; i >= 0; i-- {
		s.procs[i].end(s.procs[i].stop)
	}
	for _, folder := range s.outside {
		_ = os.RemoveAll(folder)
	}
}

func (s *stack) describe() Info {
	info := s.info
	info.Pids = map[string]int{}
	for _, p := range s.procs {
		info.Pids[p.name] = p.pid()
	}
	return info
}

// together does all steps at the same time and waits for every one.
func together(steps ...func() error) error {
	errs := make([]error, len(steps))
	var all sync.WaitGroup
	for i, step := range steps {
		all.Go(func() { errs[i] = step() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// probe is for servers without a certificate of ours.
var probe = &http.Client{Timeout: 5 * time.Second}

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
