//! Networks on text: what they learn, beside what can be known, and that their bits stay.

use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::model_file::Unit;
use rnn_core::random::SplitMix64;
use rnn_train_host::data::Part;
use rnn_train_host::model::Model;
use rnn_train_host::text::eval::{Evaluation, evaluate};
use rnn_train_host::text::examples::Examples;
use rnn_train_host::text::generate::{self, generate};
use rnn_train_host::text::reader::Reader;
use rnn_train_host::text::train::{Options, Trained, train};
use rnn_train_host::text::{Corpus, UNKNOWN, Vocabulary};
use rnn_train_host::train::stop::Stop;

/// Sentences of a small grammar: "The old cat sees a dog."
fn sentences(count: usize) -> String {
    let mut random = SplitMix64::new(11);
    let mut pick = |words: &[&'static str]| words[random.below(words.len())];
    let mut text = String::new();
    for _ in 0..count {
        let subject = pick(&["cat", "dog", "bird"]);
        let verb = pick(&["sees", "hears", "likes"]);
        let object = pick(&["a mouse", "a fish", "the tree"]);
        let end = pick(&[".", "!"]);
        text += &format!("The {} {subject} {verb} {object}{end}\n", pick(&["old", "small"]));
    }
    text
}

fn corpus(count: usize, unit: Unit) -> Corpus {
    Corpus::new(sentences(count), unit).unwrap()
}

fn options() -> Options {
    Options {
        kind: Kind::Gru(Reset::After),
        layers: 1,
        hidden: 12,
        vocabulary: None,
        context: 16,
        epochs: Some(12),
        rate: 1e-2,
        decay: 0.0,
        dropout: 0.0,
        seed: 1,
        threads: 1,
        checkpoint: None,
    }
}

fn trained(corpus: &Corpus, options: &Options) -> Trained {
    train(corpus, options, &Stop::default(), &mut |_| ()).unwrap()
}

fn bits(model: &Model) -> Vec<u32> {
    model.parameters.iter().map(|p| p.to_bits()).collect()
}

#[test]
fn a_network_learns_what_a_grammar_leaves_open() {
    let corpus = corpus(400, Unit::Word);
    let trained = trained(&corpus, &Options { epochs: Some(120), ..options() });
    assert!(trained.whole);
    let evaluation = evaluate(&trained.model, &corpus, Part::Test).unwrap();
    assert_eq!((evaluation.n, evaluation.unknown), (corpus.split.test.len(), 0.0));
    // Each sentence of seven symbols is open in two ways twice and in three ways three times.
    let entropy = (2.0 + 3.0 * 3.0f64.log2()) / 7.0;
    let found = evaluation.network.bits;
    assert!(found > 0.9 * entropy && found < 1.2 * entropy, "{found} {entropy}");
    assert!((evaluation.network.perplexity.log2() - found).abs() < 1e-12);
    // And the n-grams that see enough of the sentence find it too.
    let trigram = &evaluation.ngrams[2];
    assert!(trigram.score.bits < 1.2 * entropy && trigram.order == 2, "{trigram:?}");
    assert!(evaluation.ngrams[0].score.bits > 2.0 * entropy, "{:?}", evaluation.ngrams[0]);
    assert!(evaluation.ngrams.windows(2).all(|pair| pair[0].entries < pair[1].entries));
}

/// Every kind of cell, stacks, dropout and decay: one thread and three, whole and in pieces.
#[test]
fn threads_and_checkpoints_leave_the_bits_alone() {
    let corpus = corpus(120, Unit::Character);
    let plain = options();
    let all = [
        Options { epochs: Some(3), ..plain.clone() },
        Options { epochs: Some(2), kind: Kind::Lstm, layers: 2, dropout: 0.3, ..plain.clone() },
        Options { epochs: Some(2), kind: Kind::Gru(Reset::Before), decay: 0.1, ..plain },
    ];
    for options in all {
        let expected = trained(&corpus, &options);
        let with_threads = trained(&corpus, &Options { threads: 3, ..options.clone() });
        assert_eq!(bits(&expected.model), bits(&with_threads.model), "{options:?}");

        // Stopped after every tenth update, and gone on with.
        let folder = tempfile::tempdir().unwrap();
        let options = Options { checkpoint: Some(folder.path().into()), ..options };
        let resumed = loop {
            let (stop, mut updates) = (Stop::default(), 0);
            let part = train(&corpus, &options, &stop, &mut |_| {
                updates += 1;
                if updates == 10 {
                    stop.ask();
                }
            });
            let part = part.unwrap();
            assert!(part.best.bits.is_finite());
            if part.whole {
                break part;
            }
        };
        assert_eq!(bits(&expected.model), bits(&resumed.model), "{options:?}");
    }
}

#[test]
fn a_stopped_training_keeps_its_best() {
    let corpus = corpus(120, Unit::Character);
    let stop = Stop::default();
    let stopped = train(&corpus, &options(), &stop, &mut |progress| {
        assert!(progress.done <= progress.total);
        if progress.done == 100 {
            stop.ask();
        }
    });
    let stopped = stopped.unwrap();
    assert!(!stopped.whole);
    // One bit of four and a half of the letters of English is soon found.
    let score = evaluate(&stopped.model, &corpus, Part::Validation).unwrap().network.bits;
    assert!(score < 3.5, "{score}");
    // The look was in the trainer's arithmetic, on stretches that were warmed up apart.
    assert!((score - stopped.best.bits).abs() < 0.01, "{score} {:?}", stopped.best);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { epochs: Some(1), checkpoint: Some(folder.path().into()), ..options() };
    let first = corpus(40, Unit::Character);
    let run = |corpus: &Corpus, options: &Options| {
        train(corpus, options, &Stop::default(), &mut |_| ()).map(|t| bits(&t.model))
    };
    let bits = run(&first, &options).unwrap();
    for (corpus, options) in [
        (&first, Options { seed: 2, ..options.clone() }),
        (&first, Options { hidden: 5, ..options.clone() }),
        (&corpus(41, Unit::Character), options.clone()),
    ] {
        let error = run(corpus, &options).unwrap_err().to_string();
        assert!(error.contains("belongs to another training"), "{error}");
    }
    // A finished one is taken up as it is; so it is with other threads.
    assert_eq!(run(&first, &Options { threads: 2, ..options }).unwrap(), bits);
}

/// Scores from rest over a text by hand, softmax and all.
#[test]
fn bits_are_those_of_the_softmax() {
    let corpus = corpus(60, Unit::Character);
    let Trained { model, .. } = trained(&corpus, &Options { epochs: Some(1), ..options() });
    let vocabulary = Vocabulary::from_names(model.names.clone(), Unit::Character);
    let text = vocabulary.encode(corpus.tokens());
    let mut reader = Reader::new(&model);
    let mut sum = 0.0;
    for pair in text.windows(2) {
        reader.read(pair[0]);
        let e: Vec<f64> = reader.output().iter().map(|o| f64::from(*o).exp()).collect();
        sum -= (e[usize::from(pair[1])] / e.iter().sum::<f64>()).log2();
    }
    let all = evaluate(&model, &corpus, Part::All).unwrap();
    assert_eq!(all.n, text.len() - 1);
    assert!((all.network.bits - sum / all.n as f64).abs() < 1e-9, "{all:?} {sum}");
    // The parts' sums are that of the whole.
    let of = |part| evaluate(&model, &corpus, part).unwrap();
    let parts = [Part::Train, Part::Validation, Part::Test].map(of);
    let total = |score: fn(&Evaluation) -> f64| -> f64 {
        parts.iter().map(|part| part.n as f64 * score(part)).sum()
    };
    assert!((total(|part| part.network.bits) - sum).abs() < 1e-6);
    let order_3 = total(|part| part.ngrams[3].score.bits);
    assert!((order_3 - all.ngrams[3].score.bits * all.n as f64).abs() < 1e-6);
}

#[test]
fn a_model_file_keeps_symbols_and_scores() {
    let corpus = corpus(60, Unit::Word);
    let trained = trained(
        &corpus,
        &Options { epochs: Some(2), vocabulary: Some(7), kind: Kind::Lstm, ..options() },
    );
    let model = Model::from_bytes(&trained.model.to_bytes().unwrap()).unwrap();
    assert_eq!(model, trained.model);
    assert_eq!((model.names.len(), model.names[0].as_str()), (7, ""));
    assert!(model.samples.iter().all(|symbol| *symbol < 7.0));
    let (a, b) =
        (evaluate(&model, &corpus, Part::Test), evaluate(&trained.model, &corpus, Part::Test));
    assert_eq!(a.unwrap(), b.unwrap());
}

#[test]
fn unknown_symbols_are_counted_and_scored_as_one() {
    let corpus = corpus(100, Unit::Word);
    let few = Options { vocabulary: Some(4), epochs: Some(20), ..options() };
    let Trained { model, cut, .. } = trained(&corpus, &few);
    assert_eq!((model.names.len(), cut.distinct), (4, 16));
    let evaluation = evaluate(&model, &corpus, Part::Test).unwrap();
    let vocabulary = Vocabulary::from_names(model.names.clone(), Unit::Word);
    let text = vocabulary.encode(corpus.tokens());
    let test = &text[corpus.split.test.clone()];
    let share = test.iter().filter(|s| **s == UNKNOWN).count() as f64 / test.len() as f64;
    assert!(share > 0.3 && (evaluation.unknown - share).abs() < 1e-12, "{share}");

    // A text of other letters only: all of it unknown, and what a model that has never met the unknown
    // symbol says of it is still a number.
    let Trained { model, .. } = self::trained(&self::corpus(60, Unit::Character), &options());
    let other = Corpus::new("\u{4e16}\u{754c}".repeat(50), Unit::Character).unwrap();
    let evaluation = evaluate(&model, &other, Part::Test).unwrap();
    assert_eq!(evaluation.unknown, 1.0);
    assert!(evaluation.network.bits.is_finite() && evaluation.network.bits > 2.0);
}

#[test]
fn writing_follows_prompt_temperature_and_seed() {
    let corpus = corpus(400, Unit::Word);
    let few = Options { vocabulary: Some(12), epochs: Some(60), ..options() };
    let Trained { model, .. } = trained(&corpus, &few);
    let write = |prompt: &str, length, temperature, seed| {
        generate(&model, prompt, &generate::Options { length, temperature, seed }).unwrap()
    };
    let one = write("The old", 40, 1.0, 1);
    assert!(one.text.starts_with("The old ") && one.prompt == 2 && one.unknown.is_empty());
    assert_eq!(one, write("The old", 40, 1.0, 1));
    assert_ne!(one, write("The old", 40, 1.0, 2));
    // Greedy: no seed matters.
    assert_eq!(write("The", 40, 0.0, 1), write("The", 40, 0.0, 2));
    assert_eq!(write("The old", 0, 1.0, 1).text, "The old");
    // The unknown symbol is read, and never written.
    let unknown = write("zebra The quagga", 400, 1.0, 3);
    assert_eq!((unknown.prompt, unknown.unknown), (3, vec!["zebra".into(), "quagga".into()]));
    let rest = unknown.text.strip_prefix("zebra The quagga").unwrap();
    let vocabulary = Vocabulary::from_names(model.names.clone(), Unit::Word);
    let tokens = rnn_train_host::text::Tokens::new(rest, Unit::Word);
    let numbers = vocabulary.encode(tokens);
    assert!(numbers.len() == 400 && numbers.iter().all(|n| *n != UNKNOWN));
    // Without a prompt it starts as after a full stop.
    let first = write("", 30, 0.5, 1).text;
    assert!(first.starts_with("The "), "{first}");
}

#[test]
fn the_shortest_corpora_train() {
    for (text, unit) in [
        ("abcdefghijklmnopqrst".to_owned(), Unit::Character),
        ("a".repeat(25), Unit::Character),
        ("one two three four ".repeat(6), Unit::Word),
        ("aab\n".repeat(30), Unit::Character),
    ] {
        let corpus = Corpus::new(text, unit).unwrap();
        for context in [1, 7, 1000] {
            let options = Options { context, hidden: 3, epochs: Some(3), ..options() };
            let trained = trained(&corpus, &options);
            let evaluation = evaluate(&trained.model, &corpus, Part::Test).unwrap();
            assert!(evaluation.network.bits.is_finite() && evaluation.ngrams.len() == 6);
            assert!(evaluation.ngrams.iter().all(|rival| rival.score.bits.is_finite()));
        }
    }
}

#[test]
fn options_out_of_range_are_named() {
    let corpus = corpus(20, Unit::Character);
    let plain = options();
    for (name, options) in [
        ("--hidden", Options { hidden: 0, ..plain.clone() }),
        ("--hidden", Options { hidden: 4097, ..plain.clone() }),
        ("--layers", Options { layers: 17, ..plain.clone() }),
        ("--context", Options { context: 0, ..plain.clone() }),
        ("--epochs", Options { epochs: Some(0), ..plain.clone() }),
        ("--vocabulary", Options { vocabulary: Some(1), ..plain.clone() }),
        ("--learning-rate", Options { rate: f32::NAN, ..plain.clone() }),
        ("--weight-decay", Options { decay: -1.0, ..plain.clone() }),
        ("--dropout", Options { layers: 2, dropout: 1.0, ..plain.clone() }),
        ("--layers 2", Options { dropout: 0.1, ..plain.clone() }),
        ("1 GiB", Options { hidden: 4096, layers: 16, ..plain.clone() }),
    ] {
        let error = train(&corpus, &options, &Stop::default(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let diverged = Options { rate: 1.0, epochs: Some(40), ..plain };
    // However it ends, it ends in words or in numbers.
    if let Ok(trained) = train(&corpus, &diverged, &Stop::default(), &mut |_| ()) {
        assert!(trained.model.parameters.iter().all(|p| p.is_finite()));
    }
}

/// The course's exercise: 101 symbols, 3, 5 and 20 words of context.
#[test]
fn next_word_examples_cover_the_text() {
    let corpus = corpus(500, Unit::Word);
    let (vocabulary, _) = corpus.vocabulary(10);
    let text = vocabulary.encode(corpus.tokens());
    assert!(text.iter().all(|symbol| *symbol < 10) && text.contains(&UNKNOWN));
    for context in [3, 5, 20] {
        let examples = Examples::new(&text, context);
        assert_eq!(examples.len(), text.len() - context);
        let (features, label) = examples.get(17).unwrap();
        assert_eq!(features, &text[17..17 + context]);
        assert_eq!(label, text[examples.label_index(17)]);
    }
}
