//! The page holds what the run found and nothing from elsewhere.

mod given;

use super::STYLE;
use automl_engine::{Explanations, LeftOut};
use given::{Given, given, page};
use std::fmt::Write as _;

/// The section of an id.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let begin = page.find(&format!("<section id=\"{id}\">"));
    let begin = begin.unwrap_or_else(|| panic!("no section {id}"));
    let end = page[begin..].find("</section>").expect("sections end");
    &page[begin..begin + end]
}

/// The row of a table that begins with this cell.
fn row<'a>(section: &'a str, cell: &str) -> &'a str {
    let begin = section.find(&format!("<td>{cell}"));
    let begin = begin.unwrap_or_else(|| panic!("no row {cell} in {section}"));
    let end = section[begin..].find("</tr>").expect("rows end");
    &section[begin..begin + end]
}

#[test]
fn the_page_shows_score_data_models_features_and_warnings() {
    let page = page(&given());
    let expected = [
        "Binary classification of income",
        "0.93000",
        "48,842",
        "5-fold cross-validation",
        "75.0%",
        "60.0%",
        "nearly determines",
        "<svg",
        "trials scored of 5 started",
        "automl predict model DATA",
        "Confusion of classes",
        "Probability and outcome",
        "job_target",
        "0.12500",
        "500 rows",
        "partial dependence",
        "Shapley values",
    ];
    for part in expected {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let page = page(&Given {
        explanations: Explanations::none(&LeftOut::NoTime),
        ..given()
    });
    let reason = "this model would have needed more time for it than the limit kept";
    assert_eq!(page.matches(reason).count(), 3);
}

#[test]
fn parameters_at_their_defaults_are_folded_away() {
    let page = page(&given());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let folded = at("parameters at their defaults");
    assert!(at("learning_rate: 0.07") < folded);
    assert!(at("max_leaves: 31") > folded);
}

#[test]
fn text_of_the_user_cannot_become_markup() {
    let page = page(&Given {
        name: "<script>alert(1)</script>",
        ..given()
    });
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_loads_nothing_and_is_small() {
    let page = page(&given());
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    assert!(page.len() < 200_000);
}

#[test]
fn data_tells_each_column_with_the_target_first_and_then_what_matters() {
    let page = page(&given());
    let data = section(&page, "data");
    assert!(row(data, "age").contains("25.0 %"));
    assert!(row(data, "age").contains("mean 4") && row(data, "age").contains("20 to 69"));
    assert!(row(data, "job").contains("category") && row(data, "job").contains("clerk 4"));
    assert!(row(data, "seen").contains("2024-01-01 to 2024-09-01"));
    let places = ["income", "age", "job", "seen"].map(|name| data.find(&format!("<td>{name}")));
    assert!(places.is_sorted() && places.iter().all(Option::is_some));
    assert_eq!(data.matches("class=\"spark\"").count(), 4);
}

#[test]
fn values_of_what_is_left_out_or_names_rows_are_not_on_the_page() {
    let mut csv = "patient,age,job,illness,born,weight,remark,income\n".to_owned();
    for line in 0..200 {
        let income = if line % 3 == 0 { ">50K" } else { "<=50K" };
        writeln!(
            csv,
            "PAT{line:05}x,{},clerk,{},19{}-04-05,{}.75,Seen by Dr Who{line} for the {line}th time and told to rest,{income}",
            20 + line % 40,
            ["secretitis", "cold"][usize::from(line % 3 == 1)],
            10 + line % 80,
            7000 + line % 90,
        )
        .unwrap();
    }
    let dropped = &["illness", "born", "weight", "remark"];
    let shown = page(&Given {
        csv: csv.clone(),
        ..given()
    });
    assert!(shown.contains("secretitis") && shown.contains("1910") && shown.contains("7,090"));
    let page = page(&Given {
        csv,
        dropped,
        ..given()
    });
    for value in [
        "secretitis",
        "PAT0",
        "1910",
        "1989",
        "7,090",
        "7,042",
        "Dr Who",
    ] {
        assert!(!page.contains(value), "{value}");
    }
    let data = section(&page, "data");
    for (name, kind) in [
        ("illness", "category"),
        ("born", "timestamp"),
        ("patient", "text"),
    ] {
        let row = row(data, name);
        assert!(
            row.contains("not shown") && !row.contains("class=\"spark\""),
            "{row}"
        );
        assert!(row.contains(kind), "{row}");
    }
    assert!(
        row(data, "born").contains(">80<"),
        "distinct moments are counted"
    );
    assert!(data.contains("no values are shown"));
}

#[test]
fn data_shows_how_the_target_is_distributed() {
    let page = page(&given());
    let data = section(&page, "data");
    assert!(
        data.contains("The target, income") && data.contains("80.0 %"),
        "{data}"
    );
}

#[test]
fn of_a_wide_table_the_columns_that_matter_are_shown_and_the_others_counted() {
    let names: Vec<String> = (0..200).map(|column| format!("x{column}")).collect();
    let mut csv = format!("{},job,age,income\n", names.join(","));
    for line in 0..100 {
        let cells: Vec<String> = (0..200)
            .map(|column| format!("{}", (line * 7 + column) % 31))
            .collect();
        let income = if line % 2 == 0 { ">50K" } else { "<=50K" };
        writeln!(csv, "{},smith,{line},{income}", cells.join(",")).unwrap();
    }
    let page = page(&Given { csv, ..given() });
    let data = section(&page, "data");
    assert!(data.contains("<td>age") && data.contains("<td>x0<") && !data.contains("<td>x150<"));
    assert!(data.contains("152 more columns are not shown"), "{data}");
    assert!(page.len() < 250_000, "{}", page.len());
}

#[test]
fn the_plan_tells_validation_limits_and_trials() {
    let page = page(&given());
    let plan = section(&page, "plan");
    let expected = [
        "5-fold cross-validation, 5 fits a trial, each learning from 39,073 rows and scored on 9,769",
        "each the mean of its fold models, as many as a row has time for",
        "about 27 MiB for the table, its encodings and predictions, 1.0 GiB are allowed",
        "as many as there is time for: 2 fixed configurations first; then the best of these are tuned: Gradient boosting",
    ];
    for part in expected {
        assert!(plan.contains(part), "{part} in {plan}");
    }
}

#[test]
fn the_plan_tells_what_phases_were_to_take_and_took() {
    let page = page(&given());
    let plan = section(&page, "plan");
    let search = row(plan, "reading and search");
    assert!(
        search.contains(">55s<") && search.contains(">31s<"),
        "{search}"
    );
    assert!(row(plan, "choice of members").contains(">2.0s<"));
    let writing = row(plan, "writing");
    assert!(
        writing.contains(">2.0s<") && writing.contains(">–<"),
        "{writing}"
    );
    assert!(!plan.contains("fits on all rows"), "none are planned");
}

#[test]
fn the_plan_tells_why_a_learner_has_no_score() {
    let page = page(&given());
    let plan = section(&page, "plan");
    assert!(row(plan, "Baseline").contains("its first model would take too long"));
    assert!(row(plan, "Support vector machine").contains("left out by --exclude"));
    let boosting = row(plan, "Gradient boosting");
    assert!(
        boosting.contains("0.92000") && boosting.contains("2 trials without a model"),
        "{boosting}"
    );
}

#[test]
fn what_was_tried_tells_what_became_of_every_trial() {
    let page = page(&given());
    let tried = section(&page, "tried");
    assert!(tried.contains("2 trials scored of 5 started"));
    assert!(tried.contains("1 given up after the first split, or not done when the search ended"));
    assert!(tried.contains("1 without a model in the time that was theirs, 1 failed."));
}

#[test]
fn what_was_tried_tells_the_changed_parameters_of_every_trial() {
    let page = page(&given());
    let tried = section(&page, "tried");
    assert_eq!(tried.matches("learning_rate 0.07").count(), 2);
    assert!(!tried.contains("max_leaves"), "it is at its default");
}

#[test]
fn commands_have_the_place_of_the_model_and_the_name_of_the_target() {
    let page = page(&given());
    let usage = section(&page, "use");
    let expected = [
        "automl predict model DATA",
        "automl evaluate 'models/income of all' DATA",
        "automl models register income 'models/income of all' --alias champion",
        "automl endpoint deploy income income@champion",
        "automl export 'models/income of all' --format onnx --output model.onnx",
    ];
    for part in expected {
        assert!(usage.contains(part), "{part} in {usage}");
    }
}

#[test]
fn the_request_is_a_row_of_the_inputs_that_a_shell_takes() {
    let page = page(&given());
    let usage = section(&page, "use").replace("&quot;", "\"");
    let begin = usage.find("-d '").expect("a body") + 4;
    let end = usage[begin..].find("</pre>").expect("it ends") + begin;
    let body = usage[begin..end]
        .trim_end_matches('\'')
        .replace(r"'\''", "'");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let row = body["rows"][0].as_object().unwrap();
    assert_eq!(row.len(), 3);
    assert!(row["age"].is_i64() && row["job"] == "clerk" && row["seen"] == "2024-01-01");
}

#[test]
fn the_request_has_no_text_of_the_table() {
    let mut csv = "age,remark,income\n".to_owned();
    for line in 0..200 {
        let income = if line % 3 == 0 { ">50K" } else { "<=50K" };
        let age = 20 + line % 40;
        writeln!(
            csv,
            "{age},Seen by doctor {line} and told to take {age} days of rest,{income}"
        )
        .unwrap();
    }
    let page = page(&Given {
        csv,
        name: "-",
        ..given()
    });
    let usage = section(&page, "use");
    assert!(
        usage.contains("&quot;remark&quot;: &quot;…&quot;"),
        "{usage}"
    );
    assert!(!page.contains("Seen by"));
    assert!(
        usage.contains("ONNX Runtime runs and few others"),
        "{usage}"
    );
    assert!(
        usage.contains("with the columns of the table that was learned from;"),
        "{usage}"
    );
}

#[test]
fn the_request_writes_moments_as_the_table_is_read() {
    let csv = given()
        .csv
        .replace("2024-0", "13.0")
        .replace("-01,", ".2024,");
    let page = page(&Given { csv, ..given() });
    assert!(
        section(&page, "use").contains("&quot;13/01/2024&quot;"),
        "{}",
        section(&page, "use")
    );
}

#[test]
fn a_model_that_is_no_graph_is_not_told_to_become_one() {
    let usage = |learner| section(&page(&Given { learner, ..given() }), "use").to_owned();
    let near = usage("nearest_neighbours");
    assert!(
        near.contains("the nearest rows that it learned from") && !near.contains("--format onnx"),
        "{near}"
    );
    let boosted = usage("gradient_boosting");
    assert!(boosted.contains("--format onnx") && boosted.contains("a graph for any ONNX runtime"));
}

#[test]
fn weights_of_rows_are_said_where_there_are_any() {
    let said = "what follows counts them by these";
    assert!(!page(&given()).contains(said));
    let mut weighted = given();
    weighted.out_of_fold.weight = Some(vec![1.0, 2.5, 1.0]);
    let page = page(&weighted);
    assert!(page.contains(said) && section(&page, "unseen").contains(">2.5<"));
}

#[test]
fn on_paper_colours_stay_and_what_is_folded_away_is_open() {
    let print = &STYLE[STYLE.find("@media print").expect("a style for paper")..];
    assert!(print.contains(" print-color-adjust: exact"));
    assert!(print.contains("-webkit-print-color-adjust: exact"));
    assert!(print.contains("details::details-content { content-visibility: visible"));
    assert!(STYLE.contains("@media screen and (prefers-color-scheme: dark)"));
}

#[test]
fn contents_lead_to_sections_that_are_there() {
    let page = page(&given());
    let links = page
        .split("href=\"#")
        .skip(1)
        .map(|link| link.split('"').next().unwrap());
    let links: Vec<&str> = links.collect();
    assert!(links.len() >= 9);
    for id in links {
        section(&page, id);
    }
}
