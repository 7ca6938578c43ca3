//! What can be wrong with one field or parameter: each with its stable code and its text in both languages.

use super::Text;

macro_rules! complaints {
    ($($name:ident $code:literal $english:literal $portuguese:literal)*) => {
        /// One thing that is wrong with a field of a body, a parameter or a header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Complaint { $($name),* }

        impl Complaint {
            /// The stable code, which several complaints may share.
            pub(super) fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            pub(super) fn text(self) -> Text {
                match self { $(Self::$name => Text::new($english, $portuguese)),* }
            }
        }
    };
}

complaints! {
    Required "required" "is required" "é obrigatório"
    AmountRequired "required" "or minor is required" "ou minor é obrigatório"
    Duplicate "duplicate" "appears more than once" "aparece mais de uma vez"
    UnknownField "unknown_field" "is not a field of this object" "não é um campo deste objeto"
    NotAnObject "wrong_type" "is an object" "é um objeto"
    NotCentavos "wrong_type" "is a whole number of centavos" "é um número inteiro de centavos"

    AmountFormat "amount_format"
        "an amount is written 12.345,67 or 12345.67, with exactly two decimals"
        "um valor é escrito 12.345,67 ou 12345.67, com exatamente duas casas decimais"
    AmountAmbiguous "amount_ambiguous"
        "the amount is ambiguous: a point followed by three digits may group thousands or start decimals"
        "o valor é ambíguo: um ponto seguido de três algarismos pode separar milhares ou decimais"
    AmountTooPrecise "amount_too_precise"
        "an amount has at most two decimals" "um valor tem no máximo duas casas decimais"
    AmountNotPositive "amount_not_positive"
        "an amount is greater than zero" "um valor é maior que zero"
    AmountTooLarge "amount_too_large"
        "an amount is at most 9.999.999.999.999,99" "um valor é no máximo 9.999.999.999.999,99"
    AmountsDiffer "amounts_differ" "is another amount than value" "é um valor diferente de value"
    CurrencyUnknown "currency_unknown" "is BRL" "é BRL"

    DataText "data_text" "has a text that is not Unicode" "tem um texto que não é Unicode"
    DataTooDeep "data_too_deep" "is nested too deeply" "tem níveis demais"
    DataDuplicateKey "duplicate" "has a key twice in one object" "repete uma chave em um objeto"
    DataNullCharacter "data_null_character" "has the character U+0000" "tem o caractere U+0000"
    DataNumber "data_number"
        "has a number of more than 40 characters when it is written without an exponent"
        "tem um número com mais de 40 caracteres quando escrito sem expoente"
    DataExponents "data_number"
        "has numbers whose exponents make it more than twice as long when written out"
        "tem números cujos expoentes o deixam com mais que o dobro do tamanho por extenso"

    UnknownStatus "unknown_status" "is inserted or consumed" "é inserted ou consumed"
    StatusNotInitial "status_not_initial" "of a new payment is inserted" "de um novo pagamento é inserted"
    NameFormat "name_format" "is 1 to 100 characters of text" "tem de 1 a 100 caracteres de texto"
    ScopesFormat "scopes_format" "is a list of read, write or both" "é uma lista com read, write ou ambos"

    UnknownParameter "unknown_parameter" "is not a parameter of this list" "não é um parâmetro desta lista"
    LimitFormat "parameter_format" "is a whole number from 1 to 100" "é um número inteiro de 1 a 100"
    CursorFormat "parameter_format"
        "is not a cursor of this list with these filters" "não é um cursor desta lista com estes filtros"
    IncludeFormat "parameter_format" "is total" "é total"
    StatusFormat "parameter_format" "is inserted or consumed" "é inserted ou consumed"
    FlagFormat "parameter_format" "is true or false" "é true ou false"
    TimeFormat "parameter_format"
        "is a time such as 2026-11-21T03:00:00Z, from 1970 on"
        "é um instante como 2026-11-21T03:00:00Z, a partir de 1970"
    CentavosFormat "parameter_format" "is a whole number of centavos" "é um número inteiro de centavos"
    DataFilterFormat "parameter_format"
        "is a JSON object of texts, numbers up to 2^53, booleans, nulls and such objects, with plain keys"
        "é um objeto JSON de textos, números até 2^53, booleanos, nulos e objetos assim, com chaves simples"
    AfterFormat "parameter_format"
        "is not a parameter here, or is not a version" "não é um parâmetro aqui, ou não é uma versão"
    OnlyFlagFormat "parameter_format"
        "is not a parameter here, or is not true or false" "não é um parâmetro aqui, ou não é true ou false"
    IdempotencyKeyFormat "idempotency_key_format"
        "is 1 to 255 visible ASCII characters" "tem de 1 a 255 caracteres ASCII visíveis"
}
