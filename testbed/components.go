// The components of a Kubernetes control plane, each by its upstream entry point.

package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func init() {
	components["etcd"] = etcd
	components["kube-apiserver"] = cobraMain(func() *cobra.Command { return apiserver.NewAPIServerCommand() })
	components["kube-controller-manager"] = cobraMain(func() *cobra.Command { return controllermanager.NewControllerManagerCommand() })
	components["kube-scheduler"] = cobraMain(func() *cobra.Command { return scheduler.NewSchedulerCommand() })
}

// cobraMain delays the constructor: NewAPIServerCommand installs the signal handler at once.
func cobraMain(newCmd func() *cobra.Command) func([]string) int {
	return func(args []string) int {
		cmd := newCmd()
		cmd.SetArgs(args)
		return cli.Run(cmd)
	}
}

// etcd accepts the handful of flags that envtest and `up` pass.
func etcd(args []string) int {
	fs := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dir := fs.String("data-dir", "default.etcd", "")
	client := fs.String("listen-client-urls", "http://127.0.0.1:2379", "")
	adv := fs.String("advertise-client-urls", "", "")
	peer := fs.String("listen-peer-urls", "http://127.0.0.1:2380", "")
	nofsync := fs.Bool("unsafe-no-fsync", false, "")
	quota := fs.Int64("quota-backend-bytes", 4<<30, "")
	level := fs.String("log-level", "warn", "")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if *adv == "" {
		*adv = *client
	}
	fail := func(err error) int { fmt.Fprintln(os.Stderr, "etcd:", err); return 1 }
	cu, err := url.Parse(*client)
	if err != nil {
		return fail(err)
	}
	au, err := url.Parse(*adv)
	if err != nil {
		return fail(err)
	}
	pu, err := url.Parse(*peer)
	if err != nil {
		return fail(err)
	}
	cfg := embed.NewConfig()
	cfg.Dir = *dir
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*cu}, []url.URL{*au}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*pu}, []url.URL{*pu}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = *nofsync
	cfg.QuotaBackendBytes = *quota
	cfg.LogLevel = *level
	cfg.LogOutputs = []string{"stderr"}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return fail(err)
	}
	defer e.Close()
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-sig:
		return 0
	case err := <-e.Err():
		return fail(err)
	}
}
