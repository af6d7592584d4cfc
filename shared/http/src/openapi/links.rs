//! Links from the response that creates a resource to the operations on it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Route;

/// Adds links to the successful responses of a `POST` to a collection and of a `PUT` of a named
/// resource. `operations` has the id of each operation, by its method and path.
pub fn add(
    route: &Route,
    operation: &mut Map<String, Value>,
    operations: &BTreeMap<String, (&Route, String)>,
) {
    let Some(collection) = collection(route) else { return };
    let links: Map<_, _> = operations
        .values()
        .filter(|(target, _)| target.name() != route.name())
        .filter_map(|(target, id)| Some((id.clone(), link(collection, target, id)?)))
        .collect();
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, response) in responses {
        let has_body = response.get("content").is_some();
        if status.starts_with('2') && has_body && !links.is_empty() {
            response["links"] = Value::Object(links.clone());
        }
    }
}

/// The path of the collection that the operation adds to.
fn collection(route: &Route) -> Option<&'static str> {
    match route.method.as_str() {
        "POST" => Some(route.path),
        "PUT" => Some(route.path.strip_suffix('}')?.rsplit_once("/{")?.0),
        _ => None,
    }
}

/// The link to `target`, if its path is the new resource's or below.
fn link(collection: &str, target: &Route, id: &str) -> Option<Value> {
    let below = target.path.strip_prefix(collection)?.strip_prefix("/{")?;
    let (created, rest) = below.split_once('}')?;
    if rest.contains('{') {
        return None;
    }
    let property = if created == "name" { "name" } else { "id" };
    let mut parameters: Map<_, _> = placeholders(collection)
        .map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))))
        .collect();
    parameters.insert(created.to_owned(), json!(format!("$response.body#/{property}")));
    Some(json!({"operationId": id, "parameters": parameters}))
}

fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
