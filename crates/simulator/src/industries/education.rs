//! Education: a tutor that keeps a conversation over many turns, and a reviewer that judges each answer.

use serde_json::json;

use super::{Text, found, quoted};
use crate::card::{AgentCard, GEMINI_FLASH, GPT_5_MINI, ToolCard};
use crate::chat::Chat;
use crate::plan::Severity;
use crate::scene::{Call, Scene, round};
use crate::simulator::Session;

static TUTOR: AgentCard =
    AgentCard { name: "tutor", description: "Teaches one student one subject by questions and hints." };
static REVIEWER: AgentCard = AgentCard {
    name: "pedagogy_reviewer",
    description: "Scores a tutor's answer for correctness, level and guidance.",
};

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "student_progress",
        description: "Returns mastery per topic and the last mistakes of a student.",
        arguments: &["student", "topic"],
        typical_ms: 90.0,
    },
    ToolCard {
        name: "run_exercise",
        description: "Checks a student's answer to an exercise and returns where it went wrong.",
        arguments: &["exercise", "answer"],
        typical_ms: 160.0,
    },
    ToolCard {
        name: "plot",
        description: "Draws a function or diagram for the student.",
        arguments: &["what"],
        typical_ms: 380.0,
    },
];

const SYSTEM: &str = "You are a patient tutor for pupils between 12 and 18. Lead by questions; never hand over the full solution before the pupil has tried twice. \
Use the curriculum passages you are given and stay at their level. Check understanding with one short exercise at the end of each turn. \
If the pupil is wrong, say what is right about the attempt first. If the pupil asks for something outside of the subject, bring them back kindly. \
Keep answers under 150 words, use plain words, and write formulas so that they can be read aloud.";

const REVIEW: &str = "You judge answers of a tutor. Score correctness, level and guidance from 0 to 1 and explain each score in one sentence. An answer that hands over the solution gets at most 0.3 for guidance. Reply as JSON.";

static PASSAGES: &[Text] = &[
    Text {
        id: "ma-8-3",
        title: "Linear equations",
        body: "An equation stays true when the same is done to both sides. To solve for x, undo what was done to x in the reverse order: first take away what was added, then divide by what it was multiplied with. Check by putting the result back into the first equation. Typical mistake: a sign is lost when a bracket with a minus before it is opened; have the pupil write the minus to every term of the bracket first.",
    },
    Text {
        id: "ma-10-1",
        title: "Quadratic functions",
        body: "The graph of a quadratic function is a parabola. Its vertex form shows the vertex at once, its factored form the zeros. Completing the square leads from the general form to the vertex form. Let pupils describe the shift of the normal parabola in words before they calculate. Typical mistake: the horizontal shift has the opposite sign of what stands in the bracket.",
    },
    Text {
        id: "ph-9-2",
        title: "Forces and acceleration",
        body: "A force changes motion; without a resulting force a body keeps its velocity. The acceleration grows with the force and shrinks with the mass. Distinguish mass, measured in kilograms, from weight, a force measured in newtons. Typical mistake: pupils think that a moving body needs a force in the direction of motion. Let them describe a puck on ice before they meet the formula.",
    },
    Text {
        id: "bi-8-4",
        title: "Photosynthesis",
        body: "Plants build sugar from carbon dioxide and water with the energy of light; oxygen is given off. Light reactions happen at the thylakoids and yield energy carriers, the Calvin cycle in the stroma uses them to build sugar. Typical mistake: pupils believe that plants do not breathe; they do, day and night, and photosynthesis outweighs it only in light.",
    },
    Text {
        id: "hi-9-1",
        title: "Causes of the First World War",
        body: "Long-term causes are alliances, an arms race, rivalry over colonies and nationalism; the trigger was the murder at Sarajevo in June 1914. The July crisis shows how decisions of few people turned a trigger into a war. Have pupils separate causes from the trigger, and ask what each government could have done otherwise. Typical mistake: one cause is taken for the only one.",
    },
];

static QUESTIONS: &[&[&str]] = &[
    &[
        "How do I solve 3(x - 4) = 2x + 7?",
        "Why did the minus turn into a plus?",
        "So x is 19? I put it in and both sides are 45.",
        "Can you give me a harder one with fractions?",
    ],
    &[
        "What does the 5 in y = (x - 5)^2 + 2 do?",
        "I thought it moves left because of the minus?",
        "How do I get the zeros from that?",
        "Is there a way to see quickly that there are none?",
    ],
    &[
        "If nothing pushes it, why does the puck keep going?",
        "But my bike stops when I stop pedalling.",
        "What force do I need for 2 m/s^2 with 60 kg?",
        "Is my weight the same on the moon?",
    ],
    &[
        "Do plants breathe at night?",
        "What is the light for if sugar is made in the stroma?",
        "Where does the oxygen come from, the CO2 or the water?",
        "Why are leaves green then?",
    ],
    &[
        "What was the real cause of the First World War?",
        "But without the murder it would not have happened?",
        "Which government had the most choice in July 1914?",
        "How do I write that as an essay?",
    ],
];

static HINTS: &[&[&str]] = &[
    &[
        "Good that you started with the bracket. What happens to the 4 when you multiply the bracket by 3? Write that line first, and then tell me which term you would move to the other side.",
        "You noticed the important spot. Subtracting minus twelve is the same as adding twelve; try it with the numbers 5 - (-3) and tell me what you get.",
        "Exactly right, and checking it was the best part. In your own words: why may we subtract 2x on both sides?",
        "Let us take x/2 + 3 = x/3 + 5. What number could you multiply everything with so that no fraction is left?",
    ],
    &[
        "Picture the normal parabola first. For which x is (x - 5) equal to zero? That is where the lowest point moves to. Which way is that?",
        "Many people think so at first, and it is a fair guess. Put x = 5 into the bracket, then x = -5. Which one gives zero?",
        "You need the height to be zero. Can a square plus 2 ever be zero? Think about what a square can be.",
        "Yes: look at the vertex and at which way the parabola opens. What would have to be true of both?",
    ],
    &[
        "Turn it around: what would have to act on the puck to make it stop? And is that there on the ice?",
        "Right observation. Something does act on your bike when you stop pedalling; can you name two such forces?",
        "You have mass and acceleration. Which quantity is missing, and how does it grow when either of the two doubles?",
        "Your mass stays 60 kilograms everywhere. What changes on the moon, and what does a scale measure?",
    ],
    &[
        "They do, like you. So what must be true by day, when plants give off more oxygen than they use?",
        "Light charges something, like a battery. Where is that battery used, and what for?",
        "A famous experiment marked the oxygen in the water. If the marked oxygen came out as gas, what follows?",
        "Think about which colours the leaf takes in, and what happens to the one it does not.",
    ],
    &[
        "Before we look for one cause: which of these existed for years, and which happened in a single day? Make two columns.",
        "Let us try: imagine the murder in 1890. Would the alliances of that time have led to the same chain?",
        "Pick one government and list two decisions it made in July. What could it have done instead of each?",
        "Begin with a claim that can be wrong. For example: the alliances made the war likely, but not certain. What would you put as your first reason?",
    ],
];

/// Plays one turn of a lesson.
pub(super) fn play(scene: &mut Scene, session: &mut Session) -> &'static str {
    let topic = session.subject % PASSAGES.len();
    let turn = (session.turn as usize - 1) % QUESTIONS[topic].len();
    let question = QUESTIONS[topic][turn];
    let student = session.user.clone();
    let history = std::mem::take(&mut session.history);
    let mut chat = Chat::new(&GEMINI_FLASH, SYSTEM, TOOLS);
    chat.messages = history;
    let outcome = scene.agent(&TUTOR, question, |scene| {
        let documents = found(&scene.random, PASSAGES, topic, 2);
        let documents = scene.retrieve("curriculum", question, documents);
        chat.user(format!("{question}\n\nCurriculum:\n{}", quoted(&documents)));
        if turn == 0 || scene.random.chance(0.3) {
            let progress = json!({
                "topic": PASSAGES[topic].title,
                "mastery": round(scene.random.fraction(0.2, 0.9), 2),
                "last_mistakes": scene.random.some(&["sign lost", "unit missing", "formula before idea", "reads too fast", "one cause only"], 2),
            });
            scene.act(&mut chat, "", vec![Call::new("student_progress", json!({"student": student, "topic": PASSAGES[topic].id}), progress)])?;
        }
        if turn == 2 {
            let right = scene.random.chance(0.7);
            scene.act(&mut chat, "The pupil gave an answer, so I check it before I reply.", vec![Call::new(
                "run_exercise",
                json!({"exercise": format!("{}-e{}", PASSAGES[topic].id, scene.random.between(1, 9)), "answer": question}),
                json!({"correct": right, "where": if right { "" } else { "second line" }}),
            )])?;
        }
        let hint = HINTS[topic][turn];
        let tail = *scene.random.pick(&["Take your time.", "What do you think?", "Try it, and tell me what you get.", "There is no rush."]);
        let text = scene.answer(&mut chat, format!("{hint} {tail}"))?;
        if scene.random.chance(0.5) {
            review(scene, question, &text);
        }
        Ok(text)
    });
    session.history = if outcome.is_ok() { chat.messages } else { Vec::new() };
    "tutoring_turn"
}

/// A sampled judgement of the answer. A reviewer that fails costs the student nothing.
fn review(scene: &mut Scene, question: &str, answer: &str) {
    let asked = format!("Question:\n{question}\n\nAnswer:\n{answer}");
    let score = round(scene.random.fraction(0.55, 1.0), 2);
    let judged = scene.agent(&REVIEWER, &asked, |scene| {
        let mut chat = Chat::new(&GPT_5_MINI, REVIEW, &[]);
        chat.user(asked.as_str());
        let verdict = json!({"correctness": score, "level": round(scene.random.fraction(0.6, 1.0), 2), "guidance": round(scene.random.fraction(0.5, 1.0), 2),
            "why": "Leads by a question, stays at the level of the passage, and does not hand over the solution."});
        scene.answer(&mut chat, verdict.to_string())
    });
    if judged.is_ok() {
        scene.event(
            Severity::Info,
            Some("gen_ai.evaluation.result"),
            "",
            vec![
                ("gen_ai.evaluation.name", json!("pedagogy")),
                ("gen_ai.evaluation.score.value", json!(score)),
                ("gen_ai.evaluation.score.label", json!(if score > 0.7 { "pass" } else { "review" })),
                ("gen_ai.evaluation.explanation", json!("Leads by a question and stays at the level of the passage.")),
            ],
        );
    }
}
