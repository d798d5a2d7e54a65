package stack

import (
	"strconv"
	"testing"
)

func TestPortsAreDistinctAndOutsideTheRangeOfOutgoingConnections(t *testing.T) {
	found, err := ports(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, port := range found {
		number, err := strconv.Atoi(port)
		if err != nil || number < portMin || number >= portEnd || seen[port] {
			t.Errorf("port %q: %v, seen before: %v", port, err, seen[port])
		}
		seen[port] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d ports, not 50", len(seen))
	}
}
