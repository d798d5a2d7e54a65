package stack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	socket = "control.sock"
	// marker names a folder as one of a testbed's.
	marker = ".tenantry-testbed"
	// orderMax bounds the time in which a client has to say what it wants.
	orderMax = 5 * time.Second
)

// listen takes orders such as "kill kube-apiserver" on a socket in the state folder.
func (s *stack) listen() error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return nil
}

func (s *stack) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(orderMax))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	s.orders.Lock()
	defer s.orders.Unlock()
	if verb == "info" {
		_ = json.NewEncoder(conn).Encode(s.describe())
		return
	}
	if err := s.order(verb, name); err != nil {
		// One line is one answer.
		fmt.Fprintf(conn, "error: %s\n", strings.ReplaceAll(err.Error(), "\n", "\\n"))
		return
	}
	fmt.Fprintln(conn, "done")
}

func (s *stack) order(verb, name string) error {
	p, err := s.find(name)
	if err != nil {
		return err
	}
	switch verb {
	case "kill":
		p.end(syscall.SIGKILL)
		return nil
	case "start":
		return s.run(p)
	case "restart":
		p.end(syscall.SIGKILL)
		return s.run(p)
	}
	return fmt.Errorf("unknown order %q", verb)
}

// find knows a component by its whole name, and Kubernetes' own also without "kube-".
func (s *stack) find(name string) (*process, error) {
	var known []string
	for _, p := range s.procs {
		if p.name == name || p.name == "kube-"+name {
			return p, nil
		}
		known = append(known, p.name)
	}
	return nil, fmt.Errorf("there is no %q here, only %s", name, strings.Join(known, ", "))
}

// Control gives an order to a running testbed (kill, start or restart COMPONENT --dir DIR), or asks it for its line
// of JSON with the present process ids (info --dir DIR).
func Control(args []string) int {
	usage := func() int {
		fmt.Fprintln(os.Stderr, "usage: testbed kill|start|restart COMPONENT --dir DIR\n       testbed info --dir DIR")
		return 2
	}
	words, dir := []string{}, ""
	for i := 0; i < len(args); i++ {
		switch value, joined := strings.CutPrefix(args[i], "--dir="); {
		case joined:
			dir = value
		case args[i] == "--dir" && i+1 < len(args):
			i++
			dir = args[i]
		default:
			words = append(words, args[i])
		}
	}
	if dir == "" || len(words) == 0 || (words[0] == "info") != (len(words) == 1) || len(words) > 2 {
		return usage()
	}
	answer, err := ask(dir, strings.Join(words, " "))
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		return 1
	}
	if words[0] == "info" {
		fmt.Println(answer)
	}
	return 0
}

// ask gives one order and waits for its answer, which comes when the order is carried out.
func ask(dir, order string) (string, error) {
	conn, err := dial(dir)
	if err != nil {
		return "", fmt.Errorf("no testbed answers in %s: %w", dir, err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, order); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the testbed in %s ended during %q: %w", dir, order, err)
	}
	answer = strings.TrimSpace(answer)
	if why, refused := strings.CutPrefix(answer, "error: "); refused {
		return "", fmt.Errorf("%s: %s", order, strings.ReplaceAll(why, "\\n", "\n"))
	}
	return answer, nil
}
