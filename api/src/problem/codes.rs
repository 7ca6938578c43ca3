//! The catalogue of stable error codes: each with its HTTP status, title and meaning in both languages.

use http::StatusCode;

use crate::problem::Text;

macro_rules! codes {
    ($($(#[$generic:ident])? $name:ident $text:literal $status:ident {
        $title_en:literal, $title_pt:literal, $meaning_en:literal, $meaning_pt:literal $(,)?
    })*) => {
        /// A stable, machine-readable kind of error. A code never changes its meaning; new ones may appear.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($name),* }

        impl Code {
            /// Every code there is.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as clients see it.
            #[must_use]
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// A short summary that does not change between occurrences.
            #[must_use]
            pub(crate) fn title(self) -> Text {
                match self { $(Self::$name => Text::new($title_en, $title_pt)),* }
            }

            /// What it means and what to do about it.
            #[must_use]
            pub(crate) fn meaning(self) -> Text {
                match self { $(Self::$name => Text::new($meaning_en, $meaning_pt)),* }
            }

            /// Whether it stands for its status when nothing more exact is known.
            #[must_use]
            pub(crate) fn is_generic(self) -> bool {
                match self { $(Self::$name => codes!(@generic $($generic)?)),* }
            }
        }
    };
    (@generic generic) => { true };
    (@generic) => { false };
}

codes! {
    MalformedJson "malformed_json" BAD_REQUEST {
        "Malformed JSON", "JSON malformado",
        "The body is not one JSON object in UTF-8.", "O corpo não é um único objeto JSON em UTF-8.",
    }
    #[generic] InvalidRequest "invalid_request" BAD_REQUEST {
        "Invalid request", "Requisição inválida",
        "The request could not be read.", "Não foi possível ler a requisição.",
    }
    InvalidParameter "invalid_parameter" BAD_REQUEST {
        "Invalid parameter", "Parâmetro inválido",
        "A query parameter or header is not acceptable; each is listed under errors.",
        "Um parâmetro de consulta ou cabeçalho não é aceito; cada um está listado em errors.",
    }
    IdempotencyKeyMissing "idempotency_key_missing" BAD_REQUEST {
        "Idempotency key missing", "Chave de idempotência ausente",
        "This operation requires an Idempotency-Key header, so that a retry cannot pay twice.",
        "Esta operação exige o cabeçalho Idempotency-Key, para que uma nova tentativa não pague duas vezes.",
    }
    #[generic] Unauthenticated "unauthenticated" UNAUTHORIZED {
        "Authentication required", "Autenticação necessária",
        "Send HTTP Basic credentials, an API key or a bearer token that is valid here.",
        "Envie credenciais HTTP Basic, uma chave de API ou um token válido aqui.",
    }
    #[generic] Forbidden "forbidden" FORBIDDEN {
        "Not allowed", "Não permitido",
        "These credentials are valid but lack the scope that the operation needs.",
        "As credenciais são válidas, mas não têm o escopo que a operação exige.",
    }
    #[generic] RouteNotFound "route_not_found" NOT_FOUND {
        "No such route", "Rota inexistente",
        "Nothing is served at this path; see /openapi.json.", "Nada é servido neste caminho; veja /openapi.json.",
    }
    PaymentNotFound "payment_not_found" NOT_FOUND {
        "Payment not found", "Pagamento não encontrado",
        "No payment has this id.", "Nenhum pagamento tem este id.",
    }
    ApiKeyNotFound "api_key_not_found" NOT_FOUND {
        "API key not found", "Chave de API não encontrada",
        "No live API key has this id.", "Nenhuma chave de API ativa tem este id.",
    }
    #[generic] MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED {
        "Method not allowed", "Método não permitido",
        "The path exists but not with this method; Allow lists those that it has.",
        "O caminho existe, mas não com este método; Allow lista os que existem.",
    }
    PaymentAlreadyConsumed "payment_already_consumed" CONFLICT {
        "Payment already consumed", "Pagamento já consumido",
        "A consumed payment can be neither un-consumed nor deleted.",
        "Um pagamento consumido não pode voltar a inserido nem ser removido.",
    }
    PaymentNotDeleted "payment_not_deleted" CONFLICT {
        "Payment not deleted", "Pagamento não removido",
        "Only a deleted payment can be restored.", "Somente um pagamento removido pode ser restaurado.",
    }
    IdempotencyKeyInFlight "idempotency_key_in_flight" CONFLICT {
        "Idempotency key in flight", "Chave de idempotência em uso",
        "A request with this key is still being worked on; retry after a moment.",
        "Uma requisição com esta chave ainda está em andamento; tente novamente em instantes.",
    }
    #[generic] PaymentDeleted "payment_deleted" GONE {
        "Payment deleted", "Pagamento removido",
        "This payment existed and was deleted.", "Este pagamento existiu e foi removido.",
    }
    #[generic] PreconditionFailed "precondition_failed" PRECONDITION_FAILED {
        "Precondition failed", "Pré-condição não atendida",
        "The payment is no longer at the version named by If-Match; read it again.",
        "O pagamento não está mais na versão indicada em If-Match; leia-o de novo.",
    }
    #[generic] BodyTimeout "body_timeout" REQUEST_TIMEOUT {
        "Body not received in time", "Corpo não recebido a tempo",
        "The body did not arrive within the time limit; nothing was done.",
        "O corpo não chegou dentro do limite de tempo; nada foi feito.",
    }
    #[generic] BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE {
        "Body too large", "Corpo grande demais",
        "The body is larger than this service accepts.", "O corpo é maior do que este serviço aceita.",
    }
    #[generic] UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE {
        "Unsupported media type", "Tipo de mídia não suportado",
        "Send the body as application/json.", "Envie o corpo como application/json.",
    }
    ValidationFailed "validation_failed" UNPROCESSABLE_ENTITY {
        "Validation failed", "Falha de validação",
        "The body was read but cannot be accepted; every complaint is listed under errors.",
        "O corpo foi lido, mas não pode ser aceito; todas as queixas estão listadas em errors.",
    }
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY {
        "Idempotency key reused", "Chave de idempotência reutilizada",
        "This key was already used with another body; use a new key for a new payment.",
        "Esta chave já foi usada com outro corpo; use uma chave nova para um novo pagamento.",
    }
    #[generic] PreconditionRequired "precondition_required" PRECONDITION_REQUIRED {
        "Precondition required", "Pré-condição necessária",
        "Send If-Match with the ETag that you last read.", "Envie If-Match com o ETag que você leu por último.",
    }
    #[generic] RateLimited "rate_limited" TOO_MANY_REQUESTS {
        "Too many requests", "Requisições demais",
        "The quota of these credentials is used up for now.", "A cota destas credenciais se esgotou por ora.",
    }
    #[generic] Internal "internal_error" INTERNAL_SERVER_ERROR {
        "Internal error", "Erro interno",
        "Something failed on our side; quote the request id when you report it.",
        "Algo falhou do nosso lado; informe o id da requisição ao relatar.",
    }
    #[generic] Unavailable "service_unavailable" SERVICE_UNAVAILABLE {
        "Service unavailable", "Serviço indisponível",
        "The service is starting or stopping; retry after a moment.",
        "O serviço está iniciando ou parando; tente novamente em instantes.",
    }
    Overloaded "overloaded" SERVICE_UNAVAILABLE {
        "Overloaded", "Sobrecarregado",
        "More requests are in progress than this instance accepts; retry after a moment.",
        "Há mais requisições em andamento do que esta instância aceita; tente novamente em instantes.",
    }
    DatabaseUnavailable "database_unavailable" SERVICE_UNAVAILABLE {
        "Database unavailable", "Banco de dados indisponível",
        "Payments cannot be read or written at the moment; retry after a moment, a create with the same idempotency key.",
        "Não é possível ler nem gravar pagamentos no momento; tente de novo em instantes, criações com a mesma chave de idempotência.",
    }
    #[generic] Timeout "timeout" GATEWAY_TIMEOUT {
        "Timed out", "Tempo esgotado",
        "The request took longer than the limit. A write may or may not have happened: retry with the same idempotency key.",
        "A requisição passou do limite de tempo. Uma gravação pode ou não ter ocorrido: repita com a mesma chave de idempotência.",
    }
}
