//! A model with the program that serves it: a folder to run, a context for a container, a manifest for KServe.

use super::folder::copied;
use super::put;
use anyhow::Context as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Where containers of SageMaker, Vertex AI and KServe listen.
const PORT: u16 = 8080;

/// The longest name of an `InferenceService`: what KServe makes of it, `NAME-predictor`, is one part of an address.
const NAME_MAX: usize = 63 - "-predictor".len();

/// Whether an `InferenceService` can be called so: DNS-1123 as Kubernetes has it, and a letter first, as KServe does.
pub(super) fn is_name(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(is_known)
}

/// Registers the model in a workspace of its own when it starts first, and serves it.
fn script(name: &str) -> String {
    format!(
        "#!/bin/sh
# Serves the model of this folder: /ping, /invocations, /endpoints/{name}/predict and the other protocols, on port {PORT} or $PORT.
# $HOST says to whom: 127.0.0.1 if it is not set. Nobody is asked who calls, and nothing but predictions is served. What Vertex AI
# says of its routes by $AIP_HEALTH_ROUTE and $AIP_PREDICT_ROUTE answers as /ping and /invocations do.
set -eu
here=$(cd \"$(dirname \"$0\")\" && pwd)
workspace=${{WORKSPACE:-$here/workspace}}
cd \"$here\"
if [ ! -f \"$workspace/.deployed\" ]; then
    # Steps that a start before this one had done are not done again.
    ./automl models show {name} --workspace \"$workspace\" >/dev/null 2>&1 ||
        ./automl models register {name} model --workspace \"$workspace\" >/dev/null
    ./automl endpoint status {name} --workspace \"$workspace\" >/dev/null 2>&1 ||
        ./automl endpoint create {name} --workspace \"$workspace\" >/dev/null
    ./automl endpoint deploy {name} {name}/1 --workspace \"$workspace\" >/dev/null
    : >\"$workspace/.deployed\"
fi
exec ./automl serve --workspace \"$workspace\" --host \"${{HOST:-127.0.0.1}}\" --port \"${{PORT:-${{AIP_HTTP_PORT:-{PORT}}}}}\" \\
    ${{AIP_HEALTH_ROUTE:+--health-path \"$AIP_HEALTH_ROUTE\"}} ${{AIP_PREDICT_ROUTE:+--predict-path \"$AIP_PREDICT_ROUTE\"}} \\
    --root-endpoint {name} --only-endpoints --without-access-control
"
    )
}

fn dockerfile() -> String {
    format!(
        "# docker build -t model . && docker run -p {PORT}:{PORT} model
# Contracts: SageMaker (/ping, /invocations on {PORT}); Vertex AI (the same, or what AIP_HEALTH_ROUTE, AIP_PREDICT_ROUTE and AIP_HTTP_PORT say).
FROM debian:trixie-slim
WORKDIR /opt/model
COPY automl run.sh ./
COPY model ./model
RUN useradd --system --home /opt/model automl && chown -R automl /opt/model
USER automl
ENV HOST=0.0.0.0
EXPOSE {PORT}
# SageMaker starts containers with the argument serve.
ENTRYPOINT [\"/bin/sh\", \"/opt/model/run.sh\"]
"
    )
}

/// `image` is to be replaced by where the image was pushed to.
fn kserve(name: &str) -> String {
    format!(
        "apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    containers:
      - name: kserve-container
        image: REGISTRY/{name}:1
        ports:
          - name: http1
            containerPort: {PORT}
            protocol: TCP
        readinessProbe:
          httpGet:
            path: /v2/models/{name}/ready
            port: {PORT}
        livenessProbe:
          httpGet:
            path: /v2/health/live
            port: {PORT}
"
    )
}

/// The program, the model and what starts the one with the other.
pub(super) fn write(folder: &Path, model: &Path, name: &str) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("this program has no file")?;
    fs::copy(&own, folder.join("automl"))
        .with_context(|| format!("cannot copy {}", own.display()))?;
    copied(model, &folder.join("model"))?;
    put(folder, "run.sh", &script(name))?;
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755))
        .context("run.sh cannot be made a program")
}

/// As [`write`], with what builds a container of it.
pub(super) fn write_container(folder: &Path, model: &Path, name: &str) -> anyhow::Result<()> {
    write(folder, model, name)?;
    put(folder, "Dockerfile", &dockerfile())
}

/// As [`write_container`], with a manifest for KServe.
pub(super) fn write_kserve(folder: &Path, model: &Path, name: &str) -> anyhow::Result<()> {
    write_container(folder, model, name)?;
    put(folder, "inference-service.yaml", &kserve(name))
}

#[cfg(test)]
mod tests {
    use super::{NAME_MAX, is_name, script};

    #[test]
    fn names_of_services_are_those_that_kubernetes_takes() {
        let longest = "a".repeat(NAME_MAX);
        for name in ["a", "model", "churn-2", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(NAME_MAX + 1);
        for name in [
            "",
            "Churn",
            "churn_2",
            "churn.v2",
            "2churn",
            "-a",
            "a-",
            "ä",
            long.as_str(),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_script_heeds_what_vertex_ai_says() {
        let script = script("churn");
        for part in [
            "${AIP_HTTP_PORT:-8080}",
            "${AIP_HEALTH_ROUTE:+--health-path \"$AIP_HEALTH_ROUTE\"}",
            "${AIP_PREDICT_ROUTE:+--predict-path \"$AIP_PREDICT_ROUTE\"}",
        ] {
            assert!(script.contains(part), "{part}: {script}");
        }
    }
}
