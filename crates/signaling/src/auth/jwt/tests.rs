//! What is accepted and, above all, what is not. The signatures in `openssl.txt` were made by OpenSSL 3 with
//! keys that are gone: a set of public keys, then a token each of RS256, ES256 and EdDSA.

use super::*;
use crate::auth::permit::{Denied, Grant, Wanted};
use serde_json::{Value, json};

const OPENSSL: &str = include_str!("openssl.txt");
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW_S: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_S)
}

fn secret_set() -> KeySet {
    KeySet::default().with(Key::secret(SECRET))
}

/// A token with this header and these claims, signed with the secret.
fn token(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = Key::secret(SECRET).and_then(|key| key.sign(signed.as_bytes())).expect("a secret");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(claims: &Value) -> String {
    token(&json!({"alg": "HS256"}), claims)
}

fn check(token: &str) -> Result<Permit, TokenError> {
    verify(token, &secret_set(), &Expected::default(), now())
}

#[test]
fn tokens_that_others_signed_are_accepted_by_the_key_of_their_algorithm() {
    let mut lines = OPENSSL.lines();
    let keys = KeySet::parse(lines.next().expect("keys").as_bytes()).expect("a set");
    let tokens: Vec<&str> = lines.collect();
    assert_eq!(tokens.len(), 3);
    for token in &tokens {
        let permit = verify(token, &keys, &Expected::default(), now()).expect("accepted");
        assert_eq!(permit.allow(Wanted::Room("tea")), Ok(()));
        assert_eq!(permit.allow(Wanted::Call), Err(Denied::Missing(Grant::Call)));
    }
    // The claims and signature of one under the header of another.
    let (rs, es) = (tokens[0], tokens[1]);
    let (header, _) = es.split_once('.').expect("parts");
    let (_, rest) = rs.split_once('.').expect("parts");
    let crossed = verify(&format!("{header}.{rest}"), &keys, &Expected::default(), now());
    assert_eq!(crossed.err(), Some(TokenError::Signature));
    // A changed claim.
    let changed = rs.replacen("eyJleHAi", "eyJleHBi", 1);
    assert_ne!(changed, rs);
    assert_eq!(verify(&changed, &keys, &Expected::default(), now()).err(), Some(TokenError::Signature));
}

#[test]
fn a_public_key_is_no_secret() {
    let set: Value = serde_json::from_str(OPENSSL.lines().next().expect("keys")).expect("JSON");
    let keys = KeySet::parse(set.to_string().as_bytes()).expect("a set");
    let modulus = URL_SAFE_NO_PAD.decode(set["keys"][0]["n"].as_str().expect("n")).expect("base64");
    let forger = Key::secret(&modulus).expect("long enough");
    let claims = json!({"exp": NOW_S + 60, "keel": {"admin": true}});
    for header in [json!({"alg": "HS256", "kid": "rsa"}), json!({"alg": "HS256"})] {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode(forger.sign(signed.as_bytes()).expect("a secret"));
        let refused = verify(&format!("{signed}.{signature}"), &keys, &Expected::default(), now());
        assert_eq!(refused.err(), Some(TokenError::Algorithm));
    }
}

#[test]
fn algorithms_other_than_the_keys_are_refused_none_first() {
    let claims = json!({"exp": NOW_S + 60});
    for alg in ["none", "None", "NONE", "", "HS512", "RS256", "ES256", "EdDSA", "hs256"] {
        let signed = token(&json!({"alg": alg}), &claims);
        assert_eq!(check(&signed).err(), Some(TokenError::Algorithm), "{alg}");
        let (unsigned, _) = signed.rsplit_once('.').expect("parts");
        assert_eq!(check(&format!("{unsigned}.")).err(), Some(TokenError::Algorithm), "{alg} unsigned");
    }
}

#[test]
fn keys_are_looked_for_by_name() {
    let claims = json!({"exp": NOW_S + 60});
    let set =
        r#"{"keys": [{"kty": "oct", "kid": "old", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
    let keys = KeySet::parse(set.as_bytes()).expect("a set");
    let check = |header: &Value| verify(&token(header, &claims), &keys, &Expected::default(), now()).err();
    assert_eq!(check(&json!({"alg": "HS256", "kid": "old"})), None);
    assert_eq!(check(&json!({"alg": "HS256"})), None);
    assert_eq!(check(&json!({"alg": "HS256", "kid": "new"})), Some(TokenError::UnknownKey));
    let empty = verify(&hs256(&claims), &KeySet::default(), &Expected::default(), now());
    assert_eq!(empty.err(), Some(TokenError::UnknownKey));
}

#[test]
fn times_are_kept_with_half_a_minute_of_leeway() {
    for (claims, expected) in [
        (json!({"exp": NOW_S + 60}), None),
        (json!({"exp": NOW_S - 29}), None),
        (json!({"exp": NOW_S - 30}), Some(TokenError::Expired)),
        (json!({"exp": 0}), Some(TokenError::Expired)),
        (json!({"exp": NOW_S as f64 + 0.5}), None),
        (json!({"exp": NOW_S + 60, "nbf": NOW_S + 30}), None),
        (json!({"exp": NOW_S + 60, "nbf": NOW_S + 31}), Some(TokenError::Early)),
        (json!({}), Some(TokenError::Claims)),
        (json!({"exp": null}), Some(TokenError::Claims)),
        (json!({"exp": (NOW_S + 60).to_string()}), Some(TokenError::Claims)),
        (json!({"exp": -1}), Some(TokenError::Claims)),
        (json!({"exp": 1e300}), Some(TokenError::Claims)),
        (json!({"exp": NOW_S + 60, "nbf": "later"}), Some(TokenError::Claims)),
        (json!({"exp": NOW_S + 60, "nbf": -1}), Some(TokenError::Claims)),
    ] {
        assert_eq!(check(&hs256(&claims)).err(), expected, "{claims}");
    }
    let permit = check(&hs256(&json!({"exp": NOW_S + 60}))).expect("accepted");
    assert_eq!(permit.remaining(now()), Some(Duration::from_secs(90)), "with the leeway");
}

#[test]
fn issuer_and_audience_are_asked_for_when_configured() {
    let expected = Expected { issuer: Some("shop".into()), audience: Some("keel".into()) };
    for (claims, error) in [
        (json!({"iss": "shop", "aud": "keel"}), None),
        (json!({"iss": "shop", "aud": ["mail", "keel"]}), None),
        (json!({"iss": "shop"}), Some(TokenError::Audience)),
        (json!({"iss": "shop", "aud": []}), Some(TokenError::Audience)),
        (json!({"iss": "shop", "aud": "keelhaul"}), Some(TokenError::Audience)),
        (json!({"aud": "keel"}), Some(TokenError::Issuer)),
        (json!({"iss": "pirate", "aud": "keel"}), Some(TokenError::Issuer)),
        (json!({"iss": 7, "aud": "keel"}), Some(TokenError::Claims)),
    ] {
        let mut all = claims.clone();
        all["exp"] = json!(NOW_S + 60);
        assert_eq!(verify(&hs256(&all), &secret_set(), &expected, now()).err(), error, "{claims}");
    }
    assert_eq!(check(&hs256(&json!({"exp": NOW_S + 60, "iss": "any", "aud": "any"}))).err(), None);
}

#[test]
fn the_name_is_that_of_the_grants_else_of_the_token() {
    let name = |claims: Value| {
        let mut all = claims;
        all["exp"] = json!(NOW_S + 60);
        check(&hs256(&all)).map(|permit| permit.name().map(|name| name.as_str().to_owned()))
    };
    assert_eq!(name(json!({"name": "Ann"})), Ok(Some("Ann".into())));
    assert_eq!(name(json!({"name": "Ann", "keel": {"name": "Dr. Ann"}})), Ok(Some("Dr. Ann".into())));
    assert_eq!(name(json!({})), Ok(None));
    assert_eq!(name(json!({"name": ""})), Err(TokenError::Claims));
    assert_eq!(name(json!({"keel": {"name": "a\u{202e}b"}})), Err(TokenError::Claims));
    assert_eq!(name(json!({"keel": {"rooms": true}})), Err(TokenError::Claims), "a misspelt grant");
}

#[test]
fn what_is_no_token_is_refused_unread() {
    let good = hs256(&json!({"exp": NOW_S + 60}));
    let critical =
        token(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}), &json!({"exp": NOW_S + 60}));
    let long = format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX));
    let padded = format!("{good}=");
    for text in ["", ".", "..", "a.b", "a.b.c.d", "€.€.€", "bnVsbA.e30.AA", &critical, &long, &padded] {
        assert_eq!(check(text).err(), Some(TokenError::Malformed), "{text:.40}");
    }
    let not_claims = [json!([]), json!(7), json!("x"), json!({"exp": NOW_S + 60, "keel": [true]})];
    for claims in not_claims {
        assert_eq!(check(&hs256(&claims)).err(), Some(TokenError::Claims), "{claims}");
    }
}

#[test]
fn what_keel_signs_it_accepts() {
    let grants: Grants = serde_json::from_value(json!({"room": "tea", "name": "Ann"})).expect("grants");
    let claims = NewToken {
        exp: NOW_S + 60,
        iat: NOW_S,
        sub: Some("17"),
        iss: Some("keel"),
        aud: None,
        keel: &grants,
    };
    let signed = sign(&claims, secret_set().signer().expect("a secret")).expect("a secret signs");
    let expected = Expected { issuer: Some("keel".into()), audience: None };
    let permit = verify(&signed, &secret_set(), &expected, now()).expect("accepted");
    assert_eq!(permit.allow(Wanted::Room("tea")), Ok(()));
    assert_eq!(permit.name().map(UserName::as_str), Some("Ann"));
    assert!(is_jwt(&signed));
}
