package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a component that can be started, killed and started again with the same arguments.
type process struct {
	name string
	bin  string
	args []string
	// user is who runs it when the testbed itself runs as root; nil for the same user.
	user *syscall.Credential
	log  string
	// ready says, by an error, what it still lacks.
	ready func() error
	limit time.Duration
	// stop is how it is asked to end for good.
	stop syscall.Signal

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	// watched says that its end by itself ends the testbed.
	watched bool
}

// grace is how long a process may take to end before it is killed.
const grace = 10 * time.Second

// starter runs all starts on one thread that never ends: a child asks the kernel to be killed when the thread that
// started it ends.
var starter = func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
}()

// launch starts it; died hears of an end that nobody asked for, once it is watched.
func (p *process) launch(died chan<- error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil && !closed(p.done) {
		return fmt.Errorf("%s runs already", p.name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.bin, p.args...)
	cmd.Dir = filepath.Dir(p.log)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: p.user}
	result := make(chan error)
	starter <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.cmd, p.done, p.watched = cmd, make(chan struct{}), false
	go p.wait(cmd, p.done, died)
	return nil
}

func (p *process) wait(cmd *exec.Cmd, done chan struct{}, died chan<- error) {
	_ = cmd.Wait()
	p.mu.Lock()
	watched := p.watched
	close(done)
	p.mu.Unlock()
	if watched {
		select {
		case died <- p.fault("ended by itself"):
		default: // Another end is told already.
		}
	}
}

// watch makes an end by itself an end of the testbed.
func (p *process) watch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched = true
}

// end sends sig and waits; a process that does not listen is killed.
func (p *process) end(sig syscall.Signal) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.watched = false
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-done:
	case <-time.After(grace):
		_ = cmd.Process.Kill()
		<-done
	}
}

// running gives a channel that is closed when it ends, or nil if it was never started.
func (p *process) running() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// pid is 0 when it does not run.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil || closed(p.done) {
		return 0
	}
	return p.cmd.Process.Pid
}

// logLinesMax is how much of a log a fault shows.
const logLinesMax = 15

// fault is an error that ends with the last lines of the log, as the log may be removed with the folder.
func (p *process) fault(what string) error {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-logLinesMax):]
	return errors.New(p.name + " " + what + "; the end of its log:\n  " + strings.Join(lines, "\n  "))
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
