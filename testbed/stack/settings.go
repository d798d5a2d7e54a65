package stack

import (
	"flag"
	"fmt"
	"time"
)

// Settings are what `up` and `smoke` are told.
type Settings struct {
	// Dir is the state folder.
	Dir string
	// StartupDelay and StartupDelayMax bound the time from a pod's start until it is ready; equal for a fixed one.
	StartupDelay, StartupDelayMax time.Duration
	// Kwok is the path of the kwok program.
	Kwok string
	// Nodes is how many there are, each with room for 500 pods.
	Nodes int
	// HPASync is how often Kubernetes' own autoscaler looks.
	HPASync time.Duration
	// HPADownscale, HPACPUInit and HPAReadiness are its stabilization where no behavior is declared, the age under which
	// a pod's cpu is start-up work, and the age under which a pod that is not ready never was.
	HPADownscale, HPACPUInit, HPAReadiness time.Duration
	// Prometheus and Postgres say whether to start them where they are installed.
	Prometheus, Postgres bool
	// Metrics says whether to serve metrics.k8s.io, and MetricsServer is the program that does.
	Metrics       bool
	MetricsServer string
	// Keep leaves the state folder behind, with the logs.
	Keep bool
	// UntilEOF ends the testbed when standard input ends.
	UntilEOF bool
}

func parse(command string, args []string) (Settings, error) {
	var settings Settings
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.StringVar(&settings.Dir, "dir", "", "state folder (default: a new temporary one); removed at the end if it was made here")
	flags.DurationVar(&settings.StartupDelay, "startup-delay", 3*time.Second, "from a pod's start until it is ready")
	flags.DurationVar(&settings.StartupDelayMax, "startup-delay-max", 0, "if longer, delays are spread evenly between the two")
	flags.StringVar(&settings.Kwok, "kwok", "", "the kwok program")
	flags.IntVar(&settings.Nodes, "nodes", 20, "nodes, each of which takes 500 pods")
	flags.DurationVar(&settings.HPASync, "hpa-sync", time.Second, "HPA sync period (Kubernetes' default is 15s)")
	flags.DurationVar(&settings.HPADownscale, "hpa-downscale-stabilization", 5*time.Minute, "HPA's stabilization without a behavior")
	flags.DurationVar(&settings.HPACPUInit, "hpa-cpu-initialization", 5*time.Minute, "HPA's cpu initialization period")
	flags.DurationVar(&settings.HPAReadiness, "hpa-initial-readiness", 30*time.Second, "HPA's initial readiness delay")
	flags.BoolVar(&settings.Prometheus, "prometheus", true, "start Prometheus when it is installed")
	flags.BoolVar(&settings.Postgres, "postgres", true, "start PostgreSQL when it is installed")
	flags.BoolVar(&settings.Metrics, "metrics", false, "serve metrics.k8s.io by metrics-server")
	flags.StringVar(&settings.MetricsServer, "metrics-server", "", "the metrics-server program")
	noPrometheus := flags.Bool("no-prometheus", false, "the same as --prometheus=false")
	noPostgres := flags.Bool("no-postgres", false, "the same as --postgres=false")
	flags.BoolVar(&settings.Keep, "keep", false, "leave the state folder and its logs behind")
	flags.BoolVar(&settings.UntilEOF, "until-eof", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return settings, err
	}
	if flags.NArg() > 0 {
		return settings, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if settings.Nodes < 1 || settings.Kwok == "" {
		return settings, fmt.Errorf("--nodes must be at least 1, and --kwok must name the kwok program")
	}
	if settings.Metrics && settings.MetricsServer == "" {
		return settings, fmt.Errorf("--metrics needs --metrics-server, which must name the program")
	}
	settings.Prometheus = settings.Prometheus && !*noPrometheus
	settings.Postgres = settings.Postgres && !*noPostgres
	settings.StartupDelayMax = max(settings.StartupDelay, settings.StartupDelayMax)
	return settings, nil
}
