package stack

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const socket = "control.sock"

// listen takes orders such as "kill kube-apiserver" on a socket in the state folder.
func (s *stack) listen() error {
	path := s.file(socket)
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	return nil
}

func (s *stack) serve(conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err := s.order(verb, name); err != nil {
		fmt.Fprintln(conn, "error:", err)
		return
	}
	fmt.Fprintln(conn, "done")
}

func (s *stack) order(verb, name string) error {
	for _, p := range s.procs {
		if p.name != name {
			continue
		}
		switch verb {
		case "kill":
			p.end(syscall.SIGKILL)
			return nil
		case "start", "restart":
			if verb == "restart" {
				p.end(syscall.SIGKILL)
			}
			if err := p.start(s.died); err != nil {
				return err
			}
			return s.ready[name]()
		}
		return fmt.Errorf("unknown order %q", verb)
	}
	var known []string
	for _, p := range s.procs {
		known = append(known, p.name)
	}
	return fmt.Errorf("there is no %q here, only %s", name, strings.Join(known, ", "))
}

// Control gives an order to a running testbed: VERB NAME --dir DIR.
func Control(args []string) int {
	if len(args) != 4 || args[2] != "--dir" {
		fmt.Fprintln(os.Stderr, "usage: testbed kill|start|restart COMPONENT --dir DIR")
		return 2
	}
	conn, err := net.Dial("unix", filepath.Join(args[3], socket))
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		return 1
	}
	defer conn.Close()
	fmt.Fprintln(conn, args[0], args[1])
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "done" {
		fmt.Fprintln(os.Stderr, "testbed:", strings.TrimSpace(answer), err)
		return 1
	}
	return 0
}
