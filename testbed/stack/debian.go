package stack

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"
)

const prometheusConfig = `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: testbed
    honor_labels: true
    file_sd_configs: [{ files: [%q], refresh_interval: 1s }]
`

// prometheus starts Debian's Prometheus, which scrapes every second what files in its targets folder name.
func (s *stack) prometheus(info *Info) error {
	bin, err := exec.LookPath("prometheus")
	if err != nil || !s.settings.Prometheus {
		return nil
	}
	free, err := ports(1)
	if err != nil {
		return err
	}
	targets := s.file("prometheus-targets")
	if err := os.MkdirAll(targets, 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf(prometheusConfig, filepath.Join(targets, "*.json"))
	if err := os.WriteFile(s.file("prometheus.yml"), []byte(config), 0o644); err != nil {
		return err
	}
	url := "http://127.0.0.1:" + free[0]
	p := &process{name: "prometheus", bin: bin, args: []string{"--config.file=" + s.file("prometheus.yml"),
		"--storage.tsdb.path=" + s.file("prometheus-data"), "--web.listen-address=127.0.0.1:" + free[0]}}
	info.Prometheus, info.PrometheusTargets = url, targets
	return s.run(p, answers(http.DefaultClient, url+"/-/ready"), 60*time.Second)
}

// postgres starts Debian's PostgreSQL. It refuses to run as root, so root runs it as the user `postgres`.
func (s *stack) postgres(info *Info) error {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 || !s.settings.Postgres {
		return nil
	}
	sort.Strings(found)
	bin := found[len(found)-1]
	free, err := ports(1)
	if err != nil {
		return err
	}
	credential, err := notRoot()
	if err != nil {
		return err
	}
	data := s.file("postgres-data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if credential != nil {
		if err := os.Chown(data, int(credential.Uid), int(credential.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(filepath.Dir(bin), "initdb"), "-D", data, "-U", "tenantry", "--auth=trust",
		"--no-sync", "--encoding=UTF8", "--locale=C")
	initdb.Dir = data
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	p := &process{name: "postgres", bin: bin, user: credential, args: []string{"-D", data, "-h", "127.0.0.1",
		"-p", free[0], "-c", "unix_socket_directories=", "-c", "max_connections=200"}}
	info.Postgres = "postgres://tenantry@127.0.0.1:" + free[0] + "/postgres"
	return s.run(p, postgresReady(free[0]), 60*time.Second)
}

func notRoot() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(who.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("user postgres has no numeric id")
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// postgresReady asks for SSL, which every running server answers with one byte.
func postgresReady(port string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1))
		return err
	}
}
