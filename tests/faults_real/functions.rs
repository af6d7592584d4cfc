//! The deployed functions: their environment, and the endpoint they call.

use live_stack::stack;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sim::iam::ResourceNames;

pub const FUNCTIONS: [&str; 6] =
    ["submit", "poll", "manage", "queue-worker", "quota-check", "push"];

/// The deployed environment of each function, in the order of [`FUNCTIONS`].
#[derive(Debug)]
pub struct Functions(Vec<Map<String, Value>>);

impl Functions {
    pub async fn read() -> Self {
        let mut all = Vec::new();
        for function in FUNCTIONS {
            let configuration = stack().emulator(Method::GET, &path(function), None).await;
            all.push(configuration["Environment"]["Variables"].as_object().unwrap().clone());
        }
        let functions = Self(all);
        // A missing name fails here, since the proxy's panics look like an outage of AWS.
        functions.names();
        functions
    }

    /// Sets the AWS endpoint of each function.
    pub async fn set_endpoints(&self, address: impl Fn(&str) -> String) {
        for (function, variables) in FUNCTIONS.into_iter().zip(&self.0) {
            let mut variables = variables.clone();
            variables.insert("AWS_ENDPOINT_URL".to_owned(), address(function).into());
            let body = json!({"Environment": {"Variables": variables}});
            stack().emulator(Method::PUT, &path(function), Some(body)).await;
        }
    }

    /// URLs of the jobs' queue and of the dead-letter queue.
    pub fn queues(&self) -> [&str; 2] {
        ["QUEUE_URL", "DEAD_LETTER_QUEUE_URL"].map(|name| self.variable("queue-worker", name))
    }

    fn variable(&self, function: &str, name: &str) -> &str {
        let n = FUNCTIONS.iter().position(|known| *known == function).unwrap();
        self.0[n][name].as_str().unwrap_or_else(|| panic!("{function} has no {name}"))
    }

    /// Names of the stack's resources, to check the functions' policies.
    pub fn names(&self) -> ResourceNames<'_> {
        let of = |function, name| self.variable(function, name);
        let [jobs, dead_letters] = self.queues().map(|queue| queue.rsplit('/').next().unwrap());
        ResourceNames {
            table: of("submit", "TABLE_NAME"),
            jobs,
            dead_letters,
            schedules: of("manage", "SCHEDULES_GROUP"),
            role: of("manage", "SCHEDULER_ROLE_ARN"),
            sender: of("quota-check", "SENDER_ADDRESS"),
            stack: of("submit", "STACK_NAME"),
        }
    }
}

fn path(function: &str) -> String {
    format!("/2015-03-31/functions/{}/configuration", stack().function(function))
}
