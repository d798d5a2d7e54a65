package stack

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Below the range from which Linux takes the ports of outgoing connections (32768 and up): a port from there could be
// taken while its component is killed, even by the very client that tries to reach it.
const portMin, portEnd, portTries = 15000, 32000, 1000

// ports finds n free ports.
func ports(n int) ([]string, error) {
	var found []string
	for range portTries {
		if len(found) == n {
			return found, nil
		}
		port := strconv.Itoa(portMin + rand.IntN(portEnd-portMin))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		// Held until all are found, so that none is found twice.
		defer listener.Close()
		found = append(found, port)
	}
	return nil, errors.New("too few free ports on 127.0.0.1")
}
