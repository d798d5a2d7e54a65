// testbed runs the real things that tests need, on loopback: a Kubernetes control plane built from the upstream
// packages, KWOK for nodes and pods, and Debian's Prometheus and PostgreSQL where they are installed.
//
//	testbed up --dir DIR                    start everything, print one JSON line, run until told to end
//	testbed smoke                           start everything, use it, break it, end it
//	testbed kill|start|restart NAME --dir DIR   break a component of a running testbed, or bring it back
//	testbed info --dir DIR                  print the JSON line of a running testbed again
//	testbed kube-apiserver ...              one component with its upstream flags
//
// Each component runs in a process of its own: upstream's signal handler can be installed once in a process, and
// feature gates and metric registries are globals.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"tenantry.dev/testbed/stack"
)

// components maps a name to its entry point.
var components = map[string]func(args []string) int{}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		usage()
	}
	switch args[0] {
	case "up":
		os.Exit(stack.Up(args[1:]))
	case "smoke":
		os.Exit(stack.Smoke(args[1:]))
	case "kill", "start", "restart", "info":
		os.Exit(stack.Control(args))
	}
	run, ok := components[args[0]]
	if !ok {
		usage()
	}
	os.Exit(run(args[1:]))
}

func usage() {
	var names []string
	for name := range components {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "usage: testbed up|smoke|kill|start|restart|info|%s [flags]\n", strings.Join(names, "|"))
	os.Exit(2)
}
