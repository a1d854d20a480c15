//! The binary `downloadview`: reads the command line, does what it says, and tells what stood in the way.

use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;
use downloadview_gateway::check;
use downloadview_gateway::cli::{
    Cli, Command, ExplainArgs, Format, ProxyConfigArgs, SignArgs, SpoolCommand,
};
use downloadview_gateway::config::{Colours, Config, ConfigError, Listen, Proxy};
#[cfg(feature = "demo")]
use downloadview_gateway::demo;
use downloadview_gateway::explain::{Assumed, explain_to};
use downloadview_gateway::logging;
use downloadview_gateway::proxy_config::{self, Form};
use downloadview_gateway::serve::serve;
use downloadview_gateway::sign;
use downloadview_gateway::spool;

/// Where a printed stand-alone proxy listens.
const PROXY_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => return Ok(check::run(&args)?.into()),
        Command::Spool(args) => return look_after_spool(&args.command),
        Command::ProxyConfig(args) => print_proxy_config(args),
        Command::Serve(args) => serve(&Config::load(&args.config.file)?, args.listen),
        Command::Explain(args) => print_explanation(&args),
        Command::Sign(args) => return print_link(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "demo")]
        Command::DemoGuard { folder } => demo::stand_by(&folder),
        _ => bail!("this command is not built yet"),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn print_explanation(args: &ExplainArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.file)?;
    // What an answer does not tell stands in the log.
    logging::init(&config.log)?;
    let runtime = downloadview_gateway::server::runtime(&config.server)?;
    let assumed = Assumed {
        proxy: args.proxy.as_deref(),
        headers: args.headers.clone(),
        client: args.client,
    };
    let text = runtime.block_on(explain_to(&config, &args.uri, &assumed))?;
    print(&text)
}

fn print_link(args: &SignArgs) -> anyhow::Result<ExitCode> {
    if args.new_key {
        print(&sign::new_key()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.config.as_ref().context("--config names no file")?;
    let config = Config::load(file)?;
    if let Some(link) = &args.explain {
        let asker = sign::asker(args.audience.as_deref(), args.client)?;
        let explained = sign::explain(&config, link, asker.as_ref())?;
        print(&explained.text)?;
        return Ok(match explained.is_good {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        });
    }
    let link = sign::link(&config, args)?;
    if let Some(warning) = sign::warning(&config, args) {
        warn(&warning);
    }
    print(&link)?;
    Ok(ExitCode::SUCCESS)
}

fn look_after_spool(command: &SpoolCommand) -> anyhow::Result<ExitCode> {
    let report = spool::run(command)?;
    print(&match command.format() {
        Format::Json => report.json(),
        _ => report.text(),
    })?;
    Ok(match report.is_faulty() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn print_proxy_config(args: ProxyConfigArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.file)?;
    let proxy = args.backend;
    let differs = matches!(proxy, Proxy::Nginx | Proxy::Caddy);
    if args.program.is_some() && !differs {
        bail!("--program is for nginx and caddy: nothing that is printed depends on another");
    }
    if (args.script.is_some() || args.print_script) && proxy != Proxy::Nginx {
        bail!(
            "--script and --print-script are for nginx: Caddy passes allowed headers only, and others fetch nothing"
        );
    }
    if args.print_script {
        return print(proxy_config::SCRIPT);
    }
    let form = match args.standalone {
        true => Form::Standalone(args.listen.unwrap_or(Listen::Tcp(PROXY_ADDRESS.into()))),
        false => Form::Snippet,
    };
    if let Some(script) = args.script.as_deref().filter(|script| !script.exists()) {
        warn(&format!(
            "{} is not on this machine, and nginx does not start without it: write what --print-script prints there",
            script.display()
        ));
    }
    let options = proxy_config::Options {
        app: args.app,
        form,
        proxy: args.proxy,
        installed: proxy_config::look(proxy, args.program.as_deref()).context("--program")?,
        ca_file: args.ca_file,
        script: args.script,
    };
    let text = proxy_config::print(proxy, &config, &options)?;
    print(&text)
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // `| head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// What may be meant, and is worth a second thought.
fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {text}");
}

/// A mistake in the file has its own picture; anything else is one line.
fn complain(error: &anyhow::Error) {
    let colours = match io::stderr().is_terminal() {
        true => Colours::Always,
        false => Colours::Never,
    };
    let text = match error.downcast_ref::<ConfigError>() {
        Some(error) => error.render(colours).to_string(),
        None => format!("error: {error:#}"),
    };
    // Where nobody listens the exit code says it.
    let _ = writeln!(io::stderr(), "{text}");
}
