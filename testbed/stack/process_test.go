package stack

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a stack with one component that runs a script.
func shell(t *testing.T, script string, ready func() error) (*stack, *process) {
	dir := t.TempDir()
	s := &stack{settings: Settings{Dir: dir}, died: make(chan error, 1), ended: context.Background()}
	p := s.add(&process{name: "kube-shell", bin: "/bin/sh", args: []string{"-c", script}, ready: ready, limit: 20 * time.Second})
	t.Cleanup(s.stop)
	return s, p
}

func TestOrders(t *testing.T) {
	s, p := shell(t, "exec sleep 600", func() error { return nil })
	if err := s.run(p); err != nil {
		t.Fatal(err)
	}
	first := p.pid()
	if err := s.order("start", "shell"); err == nil || p.pid() != first {
		t.Errorf("a second start: %v, process %d then %d", err, first, p.pid())
	}
	if err := s.order("kill", "kube-shell"); err != nil || p.pid() != 0 {
		t.Errorf("kill: %v, process %d", err, p.pid())
	}
	if err := syscall.Kill(first, 0); err == nil {
		t.Error("the killed process is there")
	}
	if err := s.order("start", "shell"); err != nil || p.pid() == 0 {
		t.Errorf("start: %v", err)
	}
	if err := s.order("restart", "shell"); err != nil || p.pid() == 0 {
		t.Errorf("restart: %v", err)
	}
	for _, unknown := range [][2]string{{"kill", "nobody"}, {"dance", "shell"}} {
		if err := s.order(unknown[0], unknown[1]); err == nil {
			t.Errorf("%v was obeyed", unknown)
		}
	}
	select {
	case why := <-s.died:
		t.Errorf("an end that was ordered counts as one by itself: %v", why)
	default:
	}
}

func TestAnEndByItselfIsToldWithTheLog(t *testing.T) {
	s, p := shell(t, "echo words of farewell; exec sleep 600", func() error { return nil })
	p.ready = func() error {
		if text, _ := os.ReadFile(p.log); len(text) == 0 {
			return errors.New("it is silent")
		}
		return nil
	}
	if err := s.run(p); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if why := <-s.died; !strings.Contains(why.Error(), "words of farewell") {
		t.Error(why)
	}
}

func TestAnEndBeforeItIsReady(t *testing.T) {
	never := func() error { return errors.New("not yet") }
	s, p := shell(t, "echo no luck; exit 1", never)
	if err := s.run(p); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("got %v", err)
	}
	if len(s.died) != 0 {
		t.Error("told twice")
	}
}

func TestTogetherWaitsForAllAndTellsEveryFault(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	late := make(chan struct{})
	err := together(
		func() error { close(late); return one },
		func() error { <-late; return two },
		nothing,
	)
	if !errors.Is(err, one) || !errors.Is(err, two) {
		t.Error(err)
	}
}
