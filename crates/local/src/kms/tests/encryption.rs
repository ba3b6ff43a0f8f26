use serde_json::json;

use super::*;

#[test]
fn what_was_encrypted_is_decrypted_with_the_key_that_the_blob_names() {
    let root = Client::root();
    let key = root.new_key(&json!({}));
    let blob = root.encrypt(&text(&key["KeyId"]), "secret", &json!({ "a": "b" }));
    let answer = root.decrypt(&blob, &json!({ "a": "b" })).ok().value();
    assert_eq!(unbase64(&text(&answer["Plaintext"])), b"secret");
    assert_eq!((&answer["KeyId"], &answer["EncryptionAlgorithm"]), (&key["Arn"], &json!("SYMMETRIC_DEFAULT")));
    assert_eq!(answer["KeyMaterialId"], key["CurrentKeyMaterialId"]);
    assert_eq!(text(&answer["KeyMaterialId"]).len(), 64);
}

#[test]
fn another_encryption_context_is_an_invalid_ciphertext() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let blob = root.encrypt(&id, "secret", &json!({ "ab": "c" }));
    for context in [json!({}), json!({ "a": "bc" }), json!({ "AB": "c" }), json!({ "ab": "c", "d": "e" })] {
        root.decrypt(&blob, &context).is_error("InvalidCiphertextException");
    }
    root.decrypt(&blob, &json!({ "ab": "c" })).ok();
}

#[test]
fn a_changed_blob_is_an_invalid_ciphertext_with_or_without_the_key_id() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let bytes = unbase64(&root.encrypt(&id, "secret", &json!({})));
    use base64::Engine as _;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let blob = base64::engine::general_purpose::STANDARD.encode(changed);
        root.decrypt(&blob, &json!({})).is_error("InvalidCiphertextException");
        root.kms("Decrypt", &json!({ "CiphertextBlob": blob, "KeyId": id })).is_error("InvalidCiphertextException");
    }
}

#[test]
fn another_key_id_than_the_ciphertexts_is_an_incorrect_key() {
    let root = Client::root();
    let (one, other) = (root.new_key_id(&json!({})), root.new_key_id(&json!({})));
    let blob = root.encrypt(&one, "secret", &json!({}));
    root.kms("Decrypt", &json!({ "CiphertextBlob": blob, "KeyId": one })).ok();
    let answer = root.kms("Decrypt", &json!({ "CiphertextBlob": blob, "KeyId": other }));
    answer.is_error("IncorrectKeyException");
    root.kms("ReEncrypt", &json!({ "CiphertextBlob": blob, "SourceKeyId": other, "DestinationKeyId": one }))
        .is_error("IncorrectKeyException");
}

#[test]
fn a_ciphertext_of_an_unknown_key_does_not_tell_whether_the_key_exists() {
    let root = Client::root();
    let blob = root.encrypt(&root.new_key_id(&json!({})), "secret", &json!({}));
    let answer = root.in_region("eu-central-1").decrypt(&blob, &json!({}));
    answer.is_error("AccessDeniedException");
    assert!(answer.message().starts_with("The ciphertext refers to a customer master key that does not exist"));
}

#[test]
fn re_encrypting_changes_key_and_context() {
    let root = Client::root();
    let (one, other) = (root.new_key(&json!({})), root.new_key(&json!({})));
    let blob = root.encrypt(&text(&one["KeyId"]), "secret", &json!({ "a": "1" }));
    let input = json!({
        "CiphertextBlob": blob, "SourceEncryptionContext": { "a": "1" },
        "DestinationKeyId": other["KeyId"], "DestinationEncryptionContext": { "b": "2" },
    });
    let answer = root.kms("ReEncrypt", &input).ok().value();
    assert_eq!((&answer["SourceKeyId"], &answer["KeyId"]), (&one["Arn"], &other["Arn"]));
    assert_eq!(answer["SourceKeyMaterialId"], one["CurrentKeyMaterialId"]);
    assert_eq!(answer["DestinationKeyMaterialId"], other["CurrentKeyMaterialId"]);
    let decrypted = root.decrypt(&text(&answer["CiphertextBlob"]), &json!({ "b": "2" })).ok().value();
    assert_eq!((unbase64(&text(&decrypted["Plaintext"])), &decrypted["KeyId"]), (b"secret".to_vec(), &other["Arn"]));
}

#[test]
fn data_keys_have_the_size_that_was_asked_for_and_decrypt_to_their_plaintext() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    for (size, expected) in [
        (json!({ "KeySpec": "AES_256" }), 32),
        (json!({ "KeySpec": "AES_128" }), 16),
        (json!({ "NumberOfBytes": 1024 }), 1024),
    ] {
        let mut input = size.clone();
        input["KeyId"] = json!(id);
        let made = root.kms("GenerateDataKey", &input).ok().value();
        assert_eq!(unbase64(&text(&made["Plaintext"])).len(), expected);
        let decrypted = root.decrypt(&text(&made["CiphertextBlob"]), &json!({})).ok().value();
        assert_eq!(decrypted["Plaintext"], made["Plaintext"]);
        let hidden = root.kms("GenerateDataKeyWithoutPlaintext", &input).ok().value();
        assert_eq!(hidden.get("Plaintext"), None);
        let decrypted = root.decrypt(&text(&hidden["CiphertextBlob"]), &json!({})).ok().value();
        assert_eq!(unbase64(&text(&decrypted["Plaintext"])).len(), expected);
    }
    for wrong in [
        json!({}),
        json!({ "KeySpec": "AES_256", "NumberOfBytes": 32 }),
        json!({ "NumberOfBytes": 1025 }),
        json!({ "KeySpec": "AES_512" }),
    ] {
        let mut input = wrong.clone();
        input["KeyId"] = json!(id);
        root.kms("GenerateDataKey", &input).is_error("ValidationException");
    }
}

#[test]
fn random_bytes_differ_and_have_the_length_that_was_asked_for() {
    let root = Client::root();
    let draw = || text(&root.kms("GenerateRandom", &json!({ "NumberOfBytes": 24 })).ok().value()["Plaintext"]);
    let (one, other) = (draw(), draw());
    assert_eq!(unbase64(&one).len(), 24);
    assert_ne!(one, other);
    for wrong in [json!({}), json!({ "NumberOfBytes": 0 }), json!({ "NumberOfBytes": 1025 })] {
        root.kms("GenerateRandom", &wrong).is_error("ValidationException");
    }
}

#[test]
fn refuses_inputs_out_of_bounds() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let encrypt = |plaintext: &str| root.kms("Encrypt", &json!({ "KeyId": id, "Plaintext": plaintext }));
    encrypt("").is_error("ValidationException");
    encrypt(&base64(&"x".repeat(4097))).is_error("ValidationException");
    encrypt("not base64!").is_error("SerializationException");
    encrypt(&base64(&"x".repeat(4096))).ok();
    root.decrypt(&base64(&"x".repeat(6145)), &json!({})).is_error("ValidationException");
    root.decrypt(&base64("no blob"), &json!({})).is_error("InvalidCiphertextException");
    root.kms("Decrypt", &json!({})).is_error("ValidationException");
    root.kms("Encrypt", &json!({ "KeyId": id, "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" }))
        .is_error("InvalidKeyUsageException");
    root.kms("Decrypt", &json!({ "CiphertextBlob": "eA==", "Recipient": {} }))
        .is_error("UnsupportedOperationException");
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/testing-permissions.html>.
#[test]
fn a_dry_run_always_fails_and_tells_by_the_error_what_would_have_been() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let blob = root.encrypt(&id, "secret", &json!({}));
    let bare = root.user("bare", &[]);
    for (operation, input) in [
        ("Encrypt", json!({ "KeyId": id, "Plaintext": "eA==" })),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("Decrypt", json!({ "KeyId": id, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] })),
        ("ReEncrypt", json!({ "CiphertextBlob": blob, "DestinationKeyId": id })),
        ("ReEncrypt", json!({ "SourceKeyId": id, "DestinationKeyId": id, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] })),
        ("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256" })),
        ("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": id, "KeySpec": "AES_256" })),
    ] {
        let mut input = input;
        input["DryRun"] = json!(true);
        root.kms(operation, &input).is_error("DryRunOperationException");
        bare.kms(operation, &input).is_error("AccessDeniedException");
    }
    root.kms("Decrypt", &json!({ "KeyId": id, "DryRun": true })).is_error("ValidationException");
    root.kms("Decrypt", &json!({ "KeyId": id, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] }))
        .is_error("ValidationException");
    root.kms("Decrypt", &json!({ "CiphertextBlob": "eA==", "DryRun": true })).is_error("InvalidCiphertextException");
}
