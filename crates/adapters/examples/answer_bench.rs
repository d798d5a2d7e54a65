//! How long an answer with many series takes, from a server on loopback to samples: `cargo run --release -p
//! tenantry-adapters --example answer_bench [SERIES]`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use tenantry_adapters::metrics::prometheus::{Prometheus, Settings};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::metrics::MetricsSource;

const ROUNDS: usize = 21;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let series: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let mut body = String::from(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    for at in 0..series {
        let comma = if at == 0 { "" } else { "," };
        write!(
            body,
            r#"{comma}{{"metric":{{"tenant":"tenant-{}","workload":"web-{at}","namespace":"n-{at}"}},"value":[1700000000.123,"{at}.25"]}}"#,
            at / 10
        )?;
    }
    body.push_str("]}}");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let reply = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        for _ in 0..ROUNDS {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 4096];
            let mut request = Vec::new();
            // The form ends with the last parameter that is sent.
            while !request.ends_with(b"timeout=5.000") {
                let count = stream.read(&mut buffer)?;
                request.extend(buffer.iter().take(count));
            }
            stream.write_all(reply.as_bytes())?;
        }
        Ok(())
    });
    let source = Prometheus::new(Settings::new("bench", format!("http://{address}")))?;
    let mut millis = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let answer = source.instant("up", Timestamp::from_millis(0)).await?;
        millis.push(began.elapsed().as_secs_f64() * 1000.0);
        if answer.samples.len() != series {
            return Err(format!("{} series arrived of {series}", answer.samples.len()).into());
        }
    }
    server.join().map_err(|_| "the server broke off")??;
    millis.sort_by(f64::total_cmp);
    let (median, worst) = (millis.get(ROUNDS / 2).copied(), millis.last().copied());
    println!(
        "{series} series, {} bytes: median {:.2} ms, worst {:.2} ms of {ROUNDS}",
        body.len(),
        median.unwrap_or_default(),
        worst.unwrap_or_default()
    );
    Ok(())
}
