//! The ports: whether they can be had, and where a running server should have them.

use super::Scene;
use super::finding::Findings;
use crate::announce::resolve;
use crate::app::{Places, kurento_listeners, media_config, page_place};
use crate::config::{Settings, Tls};
use crate::listen::listen;
use crate::turn;
use keel_media::MediaServer;
use std::net::{IpAddr, SocketAddr};
use tokio::runtime::Runtime;

/// Whether every port can be had that a start would take. They are free again afterwards.
pub(super) fn can_be_had(scene: &Scene<'_>, runtime: &Runtime, findings: &mut Findings) -> bool {
    let config = scene.config;
    let settings = &config.settings;
    let has_tls = config.tls != Tls::Off;
    let mut attempts: Vec<(&str, anyhow::Result<()>)> = vec![
        ("http", listen(page_place(config)).map(drop)),
        ("kurento", kurento_listeners(&settings.kurento, has_tls).map(drop)),
    ];
    if settings.turn.enabled {
        let addresses = turn::addresses(config);
        attempts.push(("turn", turn::doors(config, addresses).map(drop)));
        if has_tls {
            attempts.push(("turn", listen(turn::tls_place(&settings.turn, addresses)).map(drop)));
        }
    }
    let media = runtime.block_on(async {
        let announce = resolve(&settings.media.announce).await?;
        let media = MediaServer::start(media_config(config, announce, None))?;
        media.stop().await;
        anyhow::Ok(())
    });
    attempts.push(("media", media));
    let mut can_all = true;
    for (topic, attempt) in attempts {
        if let Err(error) = attempt {
            can_all = false;
            findings.bad(topic, &error, advice(topic));
        }
    }
    can_all
}

fn advice(topic: &str) -> &'static str {
    match topic {
        "media" => {
            "stop the program that has the port (`ss -ulpn`), or set media.port, media.addresses, media.announce"
        }
        "turn" => "stop the program that has the port (`ss -tulpn`), or set turn.port and turn.tls_port",
        _ => "stop the program that has the port (`ss -tlpn`), or choose another one",
    }
}

/// Where a running server should be by this configuration; `None`, told, where nobody can know.
pub(super) fn expected(scene: &Scene<'_>, runtime: &Runtime, findings: &mut Findings) -> Option<Places> {
    let config = scene.config;
    let settings = &config.settings;
    if let Some(setting) = free_port(settings) {
        findings.bad(
            "server",
            format!("{setting} is 0, so nobody knows the port that the running server has"),
            "set it, or stop the server and check again",
        );
        return None;
    }
    let announce = match runtime.block_on(resolve(&settings.media.announce)) {
        Ok(announce) => announce,
        Err(error) => {
            findings.bad("announced", &error, "correct the name, or the machine's name server");
            return None;
        }
    };
    let has_tls = config.tls != Tls::Off;
    let at = |ips: &[IpAddr], port: u16| -> Vec<SocketAddr> {
        ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
    };
    let turn_addresses = if settings.turn.enabled { turn::addresses(config) } else { &[] };
    let kurento = &settings.kurento;
    let mut kurento_places = Vec::new();
    if kurento.enabled {
        kurento_places = at(&kurento.addresses, kurento.port);
        if has_tls {
            kurento_places.extend(at(&kurento.addresses, kurento.tls_port));
        }
    }
    Some(Places {
        http: at(&settings.http.addresses, settings.http.port),
        kurento: kurento_places,
        media: MediaServer::planned_addresses(&media_config(config, announce, None)),
        turn: at(turn_addresses, settings.turn.port),
        turn_tls: if has_tls { at(turn_addresses, settings.turn.tls_port) } else { Vec::new() },
    })
}

/// The first setting that lets the system choose a port.
fn free_port(settings: &Settings) -> Option<&'static str> {
    let ports = [
        ("media.port", settings.media.port, true),
        ("turn.port", settings.turn.port, settings.turn.enabled),
        ("kurento.port", settings.kurento.port, settings.kurento.enabled),
    ];
    ports.into_iter().find(|(_, port, is_used)| *is_used && *port == 0).map(|(setting, ..)| setting)
}
