//! Commands of the repository: `cargo xtask demo`, `test`, `ui`, `openapi`, `sim`, `kill`, `fuzz`, `bench`.
//!
//! They need what the command at hand needs and nothing else, say what they do before they do it, and stop at the first
//! thing that is wrong with a sentence on how to go on.

mod bench;
mod browser;
mod demo;
mod fuzz;
mod kill;
mod openapi;
mod paths;
mod program;
mod python;
mod report;
mod shell;
mod sim;
mod stamp;
mod supply;
mod test;
#[cfg(test)]
mod tidy;
mod ui;

use clap::{Parser, Subcommand};

/// Commands of Tawny's repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build UI and server, start it, keep sending simulated agent runs, and say where to look. Ctrl-C stops.
    Demo(demo::Options),
    /// Run everything: format, lints, dependencies, Rust, UI, end to end, browser.
    Test(test::Options),
    /// Build the UI into ui/dist.
    Ui(ui::Options),
    /// Write docs/openapi.json again from the server's code.
    Openapi,
    /// Run the store on a simulated machine that fails and crashes, by seed, against a plain model.
    Sim(sim::Options),
    /// Kill the program at random moments while clients send, and show that nothing acknowledged is lost or doubled.
    Kill(kill::Options),
    /// Send changed and cut requests through every decoder, with new changes each round.
    Fuzz(fuzz::Options),
    /// Measure the release build; prints figures beside what they are compared to.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> std::process::ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Ui(options) => ui::run(&options),
        Command::Openapi => openapi::run(),
        Command::Sim(options) => sim::run(&options),
        Command::Kill(options) => kill::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench(bench) => bench::run(&bench),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
