//! Parameters that functions accept or refuse when they start.

use runtime::config::{
    ConfigError, ConsoleConfig, ManageConfig, PollConfig, PushConfig, QuotaCheckConfig,
    SubmitConfig, Vars, WorkerConfig,
};
use serde_json::Value;

use super::FUNCTION;
use crate::{
    parameters::Parameters,
    template::{resources, template},
};

/// Reads a function's environment as the function does at startup.
fn read_config(function: &str, vars: Vars) -> Result<(), ConfigError> {
    match function {
        "SubmitFunction" => SubmitConfig::read(vars).map(drop),
        "PollFunction" => PollConfig::read(vars).map(drop),
        "ManageFunction" => ManageConfig::read(vars).map(drop),
        "QueueWorkerFunction" => WorkerConfig::read(vars).map(drop),
        "PushFunction" => PushConfig::read(vars).map(drop),
        "ConsoleFunction" => ConsoleConfig::read(vars).map(drop),
        "QuotaCheckFunction" => QuotaCheckConfig::read(vars).map(drop),
        other => panic!("unsupported value {other}"),
    }
}

/// Startup errors of the functions with these parameters.
fn startup_errors(template: &Value, parameters: &Parameters) -> Vec<String> {
    let common = &template["Globals"]["Function"]["Environment"]["Variables"];
    let functions = resources(template, FUNCTION);
    let failed = functions.iter().filter_map(|(name, function)| {
        let own = &function["Environment"]["Variables"];
        let variable = |variable: &str| {
            let property = own.get(variable).or_else(|| common.get(variable))?;
            parameters.resolve(property).filter(|value| !value.is_empty())
        };
        read_config(name, &variable).err().map(|error| format!("{name}: {error}"))
    });
    failed.collect()
}

const ENDPOINT: (&str, &str) = ("AwsEndpointUrl", "http://127.0.0.1:4566");
const AUDIENCE: (&str, &str) = ("JwtAudience", "tollgate");

#[test]
fn accepts_valid_parameters() {
    let template = template();
    let good: &[&[(&str, &str)]] = &[
        &[],
        &[("WorkerTiming", "quick"), ("WorkerConcurrency", "2"), ("MaxRunning", "1000")],
        &[("WorkerTiming", "long"), ("WorkerConcurrency", "1000"), ("MaxRunning", "1")],
        &[("WorkerConcurrency", "0"), ("Tracing", "true"), ("Architecture", "x86_64")],
        &[("JwtIssuer", "https://id.example/realms/a"), AUDIENCE, ("JwtAdmin", "true")],
        &[("EmulatorJwtIssuer", "http://127.0.0.1:8080/realms/dev"), AUDIENCE, ENDPOINT],
        &[("SenderAddress", "a@example.com"), ("OperatorEmail", "b@example.com")],
    ];
    for given in good {
        let parameters = Parameters::accept(template, given);
        let parameters = parameters.unwrap_or_else(|reason| panic!("{given:?}: {reason}"));
        assert_eq!(startup_errors(template, &parameters), [""; 0], "{given:?}");
    }
}

#[test]
fn rejects_invalid_parameters() {
    let template = template();
    let issuer = ("JwtIssuer", "https://id.example");
    let bad: &[(&[(&str, &str)], &str)] = &[
        (
            &[("WorkerConcurrency", "1")],
            "WorkerConcurrency must be 0, or a whole number from 2 to 1000",
        ),
        (&[("WorkerConcurrency", "1001")], "WorkerConcurrency must be"),
        (&[("WorkerConcurrency", "2.5")], "WorkerConcurrency must be"),
        (&[("WorkerConcurrency", "02")], "WorkerConcurrency must be"),
        (&[("MaxRunning", "0.5")], "MaxRunning must be a whole number from 0 to 1000"),
        (&[("MaxRunning", "1001")], "MaxRunning must be"),
        (&[issuer], "An issuer requires an audience"),
        (&[issuer, ("JwtAudience", " ")], "JwtAudience must not begin with a space"),
        (&[("JwtIssuer", "http://id.example"), AUDIENCE], "JwtIssuer must be an https address"),
        (&[("JwtIssuer", "https://"), AUDIENCE], "JwtIssuer must be an https address"),
        (
            &[("EmulatorJwtIssuer", "http://id.example"), AUDIENCE],
            "On AWS an issuer requires https",
        ),
        (&[("EmulatorJwtIssuer", "http://id.example"), ENDPOINT], "An issuer requires an audience"),
        (
            &[issuer, ("EmulatorJwtIssuer", "http://a.b"), AUDIENCE, ENDPOINT],
            "Set either JwtIssuer or EmulatorJwtIssuer",
        ),
        (&[("AwsEndpointUrl", "localhost")], "AwsEndpointUrl must be an http or https address"),
        (&[("WorkerTiming", "slow")], "WorkerTiming is not among its allowed values"),
        (&[("Tracing", "yes")], "Tracing is not among its allowed values"),
    ];
    for (given, reason) in bad {
        let refused = Parameters::accept(template, given).err();
        assert!(
            refused.as_ref().is_some_and(|told| told.starts_with(reason)),
            "{given:?}: {refused:?}"
        );
    }
}

/// Functions start with every set of parameters that the template accepts. Each parameter is tried
/// with each value, alone and with an audience or an emulator.
#[test]
fn functions_start_with_all_accepted_parameters() {
    let template = template();
    let values = [
        "",
        " ",
        "0",
        "1",
        "2",
        "7",
        "007",
        "2.5",
        "1e2",
        "-1",
        "50",
        "1000",
        "1001",
        "true",
        "false",
        "yes",
        "quick",
        "standard",
        "long",
        "info",
        "arm64",
        "a@example.com",
        "http://a.example",
        "https://a.example",
        "https://",
        "http://",
        "ftp://a.example",
        "https://a b",
        "tollgate",
    ];
    let (mut taken, mut refused) = (0, 0);
    for name in template["Parameters"].as_object().unwrap().keys() {
        for value in values {
            for others in [&[][..], &[AUDIENCE], &[AUDIENCE, ENDPOINT]] {
                let mut given = vec![(name.as_str(), value)];
                given.extend(others.iter().filter(|(other, _)| other != name));
                match Parameters::accept(template, &given) {
                    Ok(parameters) => {
                        assert_eq!(startup_errors(template, &parameters), [""; 0], "{given:?}");
                        taken += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(taken > 100 && refused > 300, "{taken} taken, {refused} refused");
}
