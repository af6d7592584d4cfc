//! Completes the OpenAPI document from the route table, so that no handler repeats what the table
//! says.

mod links;
mod problems;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Access, ROUTES, Route};

/// Adds security, error responses and links to the operations of the route table.
pub fn complete_openapi(document: &mut Value) {
    let operations: BTreeMap<_, _> = ROUTES
        .iter()
        .filter_map(|route| {
            let id = operation(document, route)?.get("operationId")?.as_str()?.to_owned();
            Some((route.name(), (route, id)))
        })
        .collect();
    for route in ROUTES {
        let Some(operation) = operation(document, route) else { continue };
        operation.insert("security".to_owned(), security(route.access));
        problems::add(route, operation);
        links::add(route, operation, &operations);
    }
}

fn operation<'a>(document: &'a mut Value, route: &Route) -> Option<&'a mut Map<String, Value>> {
    let methods = document.get_mut("paths")?.get_mut(route.path)?;
    methods.get_mut(route.method.as_str().to_ascii_lowercase())?.as_object_mut()
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([{}]),
        Access::AnyKey => json!([{"key": []}]),
        Access::Scope(scope) => json!([{"key": [scope.as_str()]}]),
    }
}
