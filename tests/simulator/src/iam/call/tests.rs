use super::*;
use serde_json::json;

fn of(operation: &str, request: &Value) -> Vec<Call> {
    Call::all(&SIM, "dynamodb", operation, request)
}

#[test]
fn update_has_keys_and_attributes() {
    let request = json!({
        "TableName": "tollgate",
        "Key": {"pk": {"S": "ACCOUNT#a"}, "sk": {"S": "PROFILE"}},
        "ReturnValues": "ALL_NEW",
        "UpdateExpression": "SET blocks.#q = :b, #n = if_not_exists(made, :t)",
        "ConditionExpression": "attribute_exists(pk) AND size(x) < :n",
        "ExpressionAttributeNames": {"#n": "name", "#q": "quota"},
    });
    let [call] = &of("UpdateItem", &request)[..] else { panic!() };
    assert_eq!(
        (call.action.as_str(), call.resource.as_str()),
        ("dynamodb:UpdateItem", "${Table.Arn}")
    );
    assert_eq!(call.context["dynamodb:LeadingKeys"], ["ACCOUNT#a"]);
    assert_eq!(call.context["dynamodb:Attributes"], ["blocks", "made", "name", "pk", "sk", "x"]);
    assert_eq!(call.context["dynamodb:ReturnValues"], ["ALL_NEW"]);
}

#[test]
fn transaction_is_authorized_per_part_and_batch_as_a_whole() {
    let item = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "-"}});
    let parts = json!({"TransactItems": [
        {"Put": {"TableName": "tollgate", "Item": item("A")}},
        {"Delete": {"TableName": "tollgate", "Key": item("B")}},
        {"ConditionCheck": {"TableName": "tollgate", "Key": item("C")}},
        {"Update": {"TableName": "tollgate", "Key": item("D")}},
    ]});
    let actions: Vec<_> =
        of("TransactWriteItems", &parts).into_iter().map(|call| call.action).collect();
    assert_eq!(
        actions,
        [
            "dynamodb:PutItem",
            "dynamodb:DeleteItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:UpdateItem"
        ]
    );
    let batch = json!({"RequestItems": {"tollgate": [
        {"PutRequest": {"Item": item("A")}},
        {"DeleteRequest": {"Key": item("B")}},
    ]}});
    let [call] = &of("BatchWriteItem", &batch)[..] else { panic!() };
    assert_eq!(call.context["dynamodb:LeadingKeys"], ["A", "B"]);
}

#[test]
fn query_has_its_partition_key() {
    let request = json!({
        "TableName": "tollgate",
        "IndexName": "agenda",
        "KeyConditionExpression": "agenda = :a AND #r > :r",
        "ExpressionAttributeNames": {"#r": "rank"},
        "ExpressionAttributeValues": {":a": {"S": "acc_1#k"}, ":r": {"S": ""}},
    });
    let [call] = &of("Query", &request)[..] else { panic!() };
    assert_eq!(
        (call.resource.as_str(), &call.context["dynamodb:LeadingKeys"][..]),
        ("${Table.Arn}/index/agenda", &["acc_1#k".to_owned()][..])
    );
}
