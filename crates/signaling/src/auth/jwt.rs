//! JSON Web Tokens (RFC 7519) in the compact form: read, checked and, with a secret, made. Pure functions of
//! token, keys and time.

use super::grants::{Grants, object};
use super::key::{Algorithm, Key, KeySet};
use super::permit::Permit;
use crate::user_name::UserName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It is longer than [`TOKEN_BYTES_MAX`], or no JWT.
    Malformed,
    /// Its algorithm is not one of those that its key is for.
    Algorithm,
    /// No key has its `kid`.
    UnknownKey,
    Signature,
    Expired,
    /// Its `nbf` is to come.
    Early,
    /// Its `iss` is not the configured one.
    Issuer,
    /// Its `aud` is not the configured one.
    Audience,
    /// A claim is missing or cannot be read: `exp` must be there, `keel` must be grants, `name` a name.
    Claims,
}

impl TokenError {
    /// The stable word for programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::UnknownKey => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::Early => "token_early",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Claims => "token_claims",
        }
    }

    /// What to do about it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Malformed => "The token is no JSON Web Token in compact form, or longer than 8 KiB.",
            Self::Algorithm => {
                "The token's algorithm is not the one of its key: HS256, RS256, ES256 and EdDSA are known, each for its own kind of key."
            }
            Self::UnknownKey => "No key of this server has the token's `kid`.",
            Self::Signature => "The token's signature is wrong: it was changed, or signed with another key.",
            Self::Expired => "The token has expired: get a new one.",
            Self::Early => "The token is not valid yet: its `nbf` is in the future.",
            Self::Issuer => "The token's `iss` is not the one that this server expects.",
            Self::Audience => "The token's `aud` is not the one that this server expects.",
            Self::Claims => {
                "A claim of the token is missing or cannot be read: `exp` is needed, `keel` has the grants."
            }
        }
    }
}

/// What tokens must say of themselves; `None`: anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
}

/// Longer ones are refused unread.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 << 10;

/// How far the clocks of whoever makes tokens and of this server may be apart.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// RFC 7515 §4.1
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What its reader must understand. Keel knows no extension, so its being there is an error.
    crit: Option<IgnoredAny>,
}

/// RFC 7519 §4.1, and Keel's own.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
    name: Option<String>,
    #[serde(default, deserialize_with = "object")]
    keel: Grants,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Whether a text has the form of a JWT: three parts.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

/// What the holder of `token` may do at the time `now`.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
    now: SystemTime,
) -> Result<Permit, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let signed = &token[..header.len() + 1 + payload.len()];
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    let header: Header = part(header).ok_or(TokenError::Malformed)?;
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    check_signature(&header, keys, signed.as_bytes(), &signature)?;
    // Nothing of the claims is read before they are known to be meant.
    let claims: Claims = part(payload).ok_or(TokenError::Claims)?;
    check_claims(claims, expected, now)
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn check_signature(
    header: &Header,
    keys: &KeySet,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), TokenError> {
    // RFC 8725 §3.1: the algorithm is the key's, the token only has to agree.
    let algorithm = Algorithm::parse(&header.alg).ok_or(TokenError::Algorithm)?;
    let mut named = keys.named(header.kid.as_deref()).peekable();
    named.peek().ok_or(TokenError::UnknownKey)?;
    let mut fitting = named.filter(|key| key.algorithm() == algorithm).peekable();
    fitting.peek().ok_or(TokenError::Algorithm)?;
    if fitting.any(|key| key.verifies(signed, signature)) { Ok(()) } else { Err(TokenError::Signature) }
}

fn check_claims(claims: Claims, expected: &Expected, now: SystemTime) -> Result<Permit, TokenError> {
    let ends = claims.exp.and_then(time).and_then(|exp| exp.checked_add(LEEWAY)).ok_or(TokenError::Claims)?;
    if ends <= now {
        return Err(TokenError::Expired);
    }
    if let Some(nbf) = claims.nbf {
        let begins = time(nbf).ok_or(TokenError::Claims)?;
        if now.checked_add(LEEWAY).is_none_or(|now| now < begins) {
            return Err(TokenError::Early);
        }
    }
    if expected.issuer.is_some() && claims.iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    if let Some(audience) = &expected.audience {
        let is_meant = match &claims.aud {
            None => false,
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Many(many)) => many.contains(audience),
        };
        if !is_meant {
            return Err(TokenError::Audience);
        }
    }
    let name = claims.keel.name.as_ref().or(claims.name.as_ref());
    let name = name.map(|name| UserName::parse(name)).transpose().map_err(|_| TokenError::Claims)?;
    Ok(Permit::new(claims.keel, name, ends))
}

/// RFC 7519 §2, NumericDate: seconds since 1970, which need not be whole.
fn time(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// What a token is to say that Keel makes.
#[derive(Serialize)]
pub(crate) struct NewToken<'a> {
    /// Unix seconds.
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<&'a str>,
    pub(crate) keel: &'a Grants,
}

/// The token, signed with `key`; `None` if that is no secret.
pub(crate) fn sign(claims: &NewToken<'_>, key: &Key) -> Option<String> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        typ: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<&'a str>,
    }
    let header = Header { alg: Algorithm::Hs256.name(), typ: "JWT", kid: key.id() };
    let encode = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    let header = serde_json::to_vec(&header).expect("plain data");
    let claims = serde_json::to_vec(claims).expect("plain data");
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = encode(key.sign(signed.as_bytes())?);
    Some(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests;
