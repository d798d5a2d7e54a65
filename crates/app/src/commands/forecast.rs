//! `tenantry forecast`: how good forecasts of recorded load would have been, beside simpler ones and a library's.

mod html;
mod picture;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tenantry_domain::unit::Span;
use tenantry_sim::backtest::{LeftOut, Trace};
use tenantry_sim::evaluate::{Evaluation, Picture, Refused, Report, evaluate};

use super::backtest::load;
use super::recorded;
use crate::cli::Common;
use crate::output::{self, Format};
use crate::{parallel, terminal};

/// What to forecast, and how far ahead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry forecast --trace load.csv
  tenantry forecast --trace load.csv --horizon 1h -o json
  tenantry forecast --trace traces/ --horizon 5m,15m,1h -o html > forecast.html
  tenantry forecast --trace load.csv --horizon 6h,1d,7d -o html > week.html

A trace is CSV with a column `timestamp` (RFC 3339, or seconds or milliseconds since 1970) and one of values; the first
value column is the load. It covers three days or more; the second half is scored. Ours stands beside repeating the last
value, repeating the day before, the ETS and MSTL of the augurs library and the Theta method, all asked at the same
samples. With a horizon of 6 hours or more it also says what the days after the trace will bring, hour by hour up to 7
days. How it is done is told in the report. Ends with 0 when at least one trace was evaluated.")]
pub(crate) struct Forecast {
    /// Recorded load: CSV files, or folders of them
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., required = true)]
    trace: Vec<PathBuf>,
    /// How far ahead, by comma; those shorter than a trace's step are left out for it
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "5m,15m,1h", value_parser = horizon)]
    horizon: Vec<Span>,
}

fn horizon(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span > Span::default() => Ok(span),
        Ok(_) => Err("it is longer than nothing, such as `15m` or `1h`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Evaluates every trace; a folder goes on without those that cannot be.
pub(crate) fn run(common: &Common, asked: &Forecast) -> anyhow::Result<ExitCode> {
    let mut horizons = asked.horizon.clone();
    horizons.sort_unstable();
    horizons.dedup();
    let (traces, unread) = load::read(&asked.trace)?;
    let evaluations = parallel::each(
        &traces,
        |trace| evaluate(trace, &horizons),
        |done, trace| terminal::progress(&format!("forecast: {done} of {} traces, {}", traces.len(), trace.name)),
    );
    terminal::progress_ends();
    let (report, pictures) = summed_up(&traces, evaluations, unread);
    if report.results.is_empty() {
        return Err(recorded::nothing("evaluated", &report.left_out));
    }
    if common.output == Format::Html {
        terminal::say(&html::of(&report, &pictures));
    } else {
        output::say(common.output, &report, show::table)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn summed_up(
    traces: &[Trace],
    evaluations: Vec<Result<Evaluation, Refused>>,
    mut left_out: Vec<LeftOut>,
) -> (Report, Vec<(String, Picture)>) {
    let (mut rows, mut ahead, mut pictures) = (Vec::new(), Vec::new(), Vec::new());
    for (trace, evaluation) in traces.iter().zip(evaluations) {
        let mut leave = |reason: String| left_out.push(LeftOut { trace: trace.name.clone(), reason });
        match evaluation {
            Ok(mut evaluation) => {
                if !evaluation.too_short.is_empty() {
                    let spans: Vec<String> = evaluation.too_short.iter().map(Span::to_string).collect();
                    leave(format!("not at {}: its samples are {} apart", spans.join(", "), evaluation.step));
                }
                rows.append(&mut evaluation.rows);
                ahead.append(&mut evaluation.ahead);
                pictures.extend(evaluation.picture.map(|picture| (trace.name.clone(), picture)));
            }
            Err(refused) => leave(refused.to_string()),
        }
    }
    (Report::new(rows, ahead, left_out), pictures)
}
