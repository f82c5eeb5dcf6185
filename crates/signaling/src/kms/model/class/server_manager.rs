//! `ServerManager`: the server itself.

use super::{ALL, MEDIA_OBJECT, MEDIA_PIPELINE};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Call, Class, Creation, Get, Module, Operation, Param, Property, Record, Run, Set, State, Type, Value,
    event, kmd, record,
};
use crate::kms::object::process;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::thread::available_parallelism;
use std::time::Duration;

pub(crate) static SERVER_MANAGER: Class = Class {
    name: "ServerManager",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "The server itself: the one object that always exists, `manager_ServerManager`.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "info",
            kind: Type::Record(&record::SERVER_INFO),
            about: "The version, and the modules with what can be created.",
            state: State::Works,
            get: Get::Run(Run::Now(info)),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "pipelines",
            kind: Type::List(&Type::Object(&MEDIA_PIPELINE)),
            about: "Every pipeline there is.",
            state: State::Works,
            get: Get::Run(Run::Now(pipelines)),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "sessions",
            kind: Type::List(&Type::String),
            about: "Every session there is.",
            state: State::Differs("without the empty strings that KMS puts before them"),
            get: Get::Run(Run::Now(sessions)),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "metadata",
            kind: Type::String,
            about: "The text of the setting `kurento.metadata`.",
            state: State::Works,
            get: Get::Run(Run::Now(metadata)),
            set: Set::ReadOnly,
            aliases: &[],
        },
    ],
    operations: &[
        Operation {
            name: "getKmd",
            about: "A module's description, as JSON.",
            state: State::Works,
            params: &[Param::required("moduleName", Type::String)],
            returns: Some(Type::String),
            run: Run::Now(kmd_of),
        },
        Operation {
            name: "getCpuCount",
            about: "Cores that the server may use.",
            state: State::Works,
            params: &[],
            returns: Some(Type::Int),
            run: Run::Now(cpu_count),
        },
        Operation {
            name: "getUsedCpu",
            about: "The share of all cores that the server used, in percent, measured for `interval` ms.",
            state: State::Differs("it delays no other request; an interval is 1 ms to 60 s"),
            params: &[Param::required("interval", Type::Int)],
            returns: Some(Type::Float),
            run: Run::Later(used_cpu),
        },
        Operation {
            name: "getUsedMemory",
            about: "Memory that the server uses, in KiB.",
            state: State::Works,
            params: &[],
            returns: Some(Type::Int64),
            run: Run::Now(used_memory),
        },
    ],
    events: &[&event::OBJECT_CREATED, &event::OBJECT_DESTROYED],
};

/// The Kurento version whose interface this is. Clients compare it with their own.
const KURENTO_VERSION: &str = "7.3.0";

/// What made the modules. KMS gives a time here; a build of Keel has none, so that it can be repeated.
const BUILD: &str = concat!("Keel ", env!("CARGO_PKG_VERSION"));

/// Milliseconds for which the use of processors may be measured.
const INTERVAL_MS_MAX: i64 = 60_000;

fn info(call: Call<'_>) -> Result<Value, Failure> {
    let filters = call.tree.surroundings().filters;
    let module = |module: &Module| {
        let of_module = ALL.iter().filter(|class| class.module == *module && class.can_be_created(filters));
        let factories = of_module.map(|class| class.name.into()).collect();
        Value::Record(Record::new(
            &record::MODULE_INFO,
            vec![
                ("version", KURENTO_VERSION.into()),
                ("name", module.name().into()),
                ("generationTime", BUILD.into()),
                ("factories", Value::List(factories)),
            ],
        ))
    };
    let info = vec![
        ("version", KURENTO_VERSION.into()),
        ("modules", Value::List(Module::ALL.iter().map(module).collect())),
        ("type", Value::Enum("KMS")),
        ("capabilities", Value::List(vec!["transactions".into()])),
    ];
    Ok(Value::Record(Record::new(&record::SERVER_INFO, info)))
}

fn pipelines(call: Call<'_>) -> Result<Value, Failure> {
    let pipelines = call.tree.surroundings().census.pipelines();
    Ok(Value::List(pipelines.into_iter().map(Value::Object).collect()))
}

fn sessions(call: Call<'_>) -> Result<Value, Failure> {
    let sessions = call.tree.surroundings().host.sessions();
    Ok(Value::List(sessions.iter().map(|session| session.as_str().into()).collect()))
}

fn metadata(call: Call<'_>) -> Result<Value, Failure> {
    Ok(call.tree.surroundings().metadata.as_str().into())
}

fn kmd_of(call: Call<'_>) -> Result<Value, Failure> {
    let name = call.arguments.text("moduleName");
    let module = Module::ALL.into_iter().find(|module| module.name() == name);
    module.map(|module| kmd::describe(module, KURENTO_VERSION).into()).ok_or_else(|| {
        Failure::new(Code::KmdNotFound, format!("Requested kmd module '{name}' doesn't exist"))
    })
}

fn cpu_count(_call: Call<'_>) -> Result<Value, Failure> {
    let count = available_parallelism().map_err(|error| Failure::new(Code::Unexpected, error.to_string()))?;
    Ok(Value::Int(i64::try_from(count.get()).unwrap_or(i64::MAX)))
}

fn used_cpu(call: Call<'_>) -> BoxFuture<'static, Result<Value, Failure>> {
    let interval_ms = call.arguments.int("interval");
    async move {
        if !(1..=INTERVAL_MS_MAX).contains(&interval_ms) {
            let words = format!("'interval' should be 1 to {INTERVAL_MS_MAX} ms");
            return Err(Failure::new(Code::IllegalParam, words));
        }
        let interval = Duration::from_millis(interval_ms.unsigned_abs());
        let used = process::used_cpu_percent(interval).await;
        used.map(Value::Float).map_err(unreadable)
    }
    .boxed()
}

fn used_memory(_call: Call<'_>) -> Result<Value, Failure> {
    process::used_memory_kib().map(Value::Int).map_err(unreadable)
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new(Code::Unexpected, format!("The system does not tell: {error}"))
}
