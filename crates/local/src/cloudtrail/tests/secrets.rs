use super::*;

#[test]
fn no_event_holds_a_secret() {
    let root = Client::root();
    let key = root.key();
    root.aws.ensure_role(&arn("arn:aws:iam::111122223333:role/app")).expect("made");
    let alice = root.new_user("alice", Some(&allow(&["kms:*", "sts:*"])));
    let blob = alice.blob(&key);
    alice.decrypt_blob(&blob).ok();
    let data = alice.kms("GenerateDataKey", &json!({ "KeyId": key, "KeySpec": "AES_256" })).ok().value();
    let moved = json!({ "CiphertextBlob": data["CiphertextBlob"], "DestinationKeyId": key });
    let moved = alice.kms("ReEncrypt", &moved).ok().value();
    let random = alice.kms("GenerateRandom", &json!({ "NumberOfBytes": 16 })).ok().value();
    let grant =
        json!({ "KeyId": key, "GranteePrincipal": "arn:aws:iam::111122223333:role/app", "Operations": ["Decrypt"] });
    let grant = alice.kms("CreateGrant", &grant).ok().value();
    let token = grant["GrantToken"].clone();
    alice.kms("Encrypt", &json!({ "KeyId": key, "Plaintext": "c2VjcmV0", "GrantTokens": [token] })).ok();
    alice.kms("RetireGrant", &json!({ "GrantToken": token })).ok();
    let session = alice.assume("arn:aws:iam::111122223333:role/app", "s1");
    let mfa = [("SerialNumber", "arn:aws:iam::111122223333:mfa/alice"), ("TokenCode", "918273")];
    alice.query(Service::Sts, "GetSessionToken", &mfa).ok();
    alice.kms("Encrypt", &json!({ "KeyId": key, "Plaintext": "aHVudGVyMg==", "Password": "hunter2" })).ok();
    // Requests that are refused are logged too.
    alice.kms("Encrypt", &json!({ "KeyId": key, "Plaintext": "no*base64" })).is_error("SerializationException");
    let guess = json!({ "KeyId": key, "Plaintext": "YQ==", "GrantTokens": ["guessed-token"] });
    alice.kms("Encrypt", &guess).is_error("InvalidGrantTokenException");
    let mfa = [("SerialNumber", "arn:aws:iam::111122223333:mfa/alice"), ("TokenCode", "guessed-code")];
    alice.query(Service::Sts, "GetSessionToken", &mfa).is_error("AccessDenied");
    let mut secrets = vec![
        "no*base64".to_owned(),
        "guessed-token".to_owned(),
        "guessed-code".to_owned(),
        "c2VjcmV0".to_owned(),
        "hunter2".to_owned(),
        "aHVudGVyMg==".to_owned(),
        "918273".to_owned(),
        alice.secret_access_key.clone(),
        session.secret_access_key.clone(),
        session.session_token.expect("a token"),
        blob,
    ];
    for (answer, member) in [
        (&data, "Plaintext"),
        (&data, "CiphertextBlob"),
        (&moved, "CiphertextBlob"),
        (&random, "Plaintext"),
        (&grant, "GrantToken"),
    ] {
        secrets.push(answer[member].as_str().expect("text").to_owned());
    }
    let all = all_events(&root);
    for secret in &secrets {
        assert!(!all.contains(secret.as_str()), "{secret} is in an event");
    }
    // What is not secret is there: the search does look at these events.
    for told in ["Alpha", grant["GrantId"].as_str().expect("an id"), session.access_key_id.as_str(), "mfa/alice"] {
        assert!(all.contains(told), "{told} is in no event");
    }
    for operation in ["GenerateDataKey", "ReEncrypt", "GenerateRandom", "RetireGrant", "AssumeRole", "CreateAccessKey"]
    {
        assert!(all.contains(&format!("\"eventName\":\"{operation}\"")), "{operation} is logged");
    }
}

#[test]
fn grants_and_sessions_tell_what_is_not_secret() {
    let root = Client::root();
    root.aws.ensure_role(&arn("arn:aws:iam::111122223333:role/app")).expect("made");
    let alice = root.new_user("alice", Some(&allow(&["sts:AssumeRole"])));
    let session = alice.assume("arn:aws:iam::111122223333:role/app", "s1");
    let elements = root.events("AssumeRole").remove(0)["responseElements"].clone();
    let expected = json!({ "accessKeyId": session.access_key_id, "expiration": "Jan 2, 2026, 4:04:05 AM" });
    assert_eq!(elements["credentials"], expected);
    assert_eq!(elements["assumedRoleUser"]["arn"], "arn:aws:sts::111122223333:assumed-role/app/s1");
    let key = root.key();
    let grant = json!({ "KeyId": key, "GranteePrincipal": "arn:aws:iam::111122223333:role/app", "Operations": ["Decrypt"],
        "Constraints": { "EncryptionContextSubset": { "Project": "Alpha" } } });
    let grant = root.kms("CreateGrant", &grant).ok().value();
    let event = root.events("CreateGrant").remove(0);
    assert_eq!(event["responseElements"], json!({ "grantId": grant["GrantId"], "keyId": key }));
    assert_eq!(event["requestParameters"]["constraints"], json!({ "encryptionContextSubset": { "Project": "Alpha" } }));
}

#[test]
fn where_a_subscription_goes_is_hidden() {
    let root = Client::root();
    let topic = root.query(Service::Sns, "CreateTopic", &[("Name", "alerts")]).ok().element("TopicArn");
    let parameters =
        [("TopicArn", topic.as_str()), ("Protocol", "https"), ("Endpoint", "https://user:pass@example.com/")];
    // Whether or not it is taken.
    root.query(Service::Sns, "Subscribe", &parameters);
    let event = root.events("Subscribe").remove(0);
    assert_eq!(event["requestParameters"]["endpoint"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    assert_eq!(event["requestParameters"]["topicArn"], topic.as_str());
    assert!(!event.to_string().contains("user:pass"), "{event}");
}

/// Every event of every account and Region, as it is stored.
fn all_events(client: &Client) -> String {
    let mut all = String::new();
    let read = client.aws.change(|world, _| {
        world.cloudtrail.events.values().for_each(|event| all += &event.record.to_string());
        Ok(())
    });
    read.expect("read");
    all
}
