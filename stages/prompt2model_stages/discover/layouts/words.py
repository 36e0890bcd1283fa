"""The words by which a prompt shows its layout, in the languages in which prompts are written mostly."""

from __future__ import annotations

import re

_Labels = tuple[str, ...]


def _words(text: str) -> _Labels:
    return tuple(word.strip() for word in text.replace("\n", ",").split(",") if word.strip())


INPUTS = _words(
    """input, in, eingabe, entrada, entrée, entree, ingresso, invoer, inmatning, indata, inndata, syöte, вход,
    входные данные, ввод, вхід, wejście, vstup, vstupní text, bemenet, intrare, είσοδος, girdi, giriş, 输入, 輸入,
    入力, 입력, อินพุต, ข้อมูลเข้า, đầu vào, masukan, input data, مدخل, المدخل, إدخال, ورودی, קלט, इनपुट, ইনপুট"""
)
OUTPUTS = _words(
    """output, out, ausgabe, salida, sortie, uscita, saída, saida, uitvoer, utmatning, utdata, tuloste, выход, вывод,
    вихід, wyjście, výstup, kimenet, ieșire, έξοδος, çıktı, çıkış, 输出, 輸出, 出力, 출력, เอาต์พุต, ผลลัพธ์, đầu ra,
    keluaran, مخرج, المخرج, إخراج, خروجی, פלט, आउटपुट, আউটপুট, expected output, desired output, expected,
    erwartete ausgabe"""
)
QUESTIONS = _words(
    """question, q, frage, f, pregunta, p, pergunta, domanda, vraag, fråga, spørgsmål, spørsmål, kysymys, вопрос,
    питання, pytanie, otázka, kérdés, întrebare, ερώτηση, soru, 问题, 問題, 问, 問, 質問, 질문, คำถาม, câu hỏi,
    pertanyaan, سؤال, پرسش, שאלה, प्रश्न, প্রশ্ন"""
)
ANSWERS = _words(
    """answer, a, antwort, respuesta, r, réponse, reponse, resposta, risposta, antwoord, svar, vastaus, ответ,
    відповідь, odpowiedź, odpověď, válasz, răspuns, απάντηση, cevap, yanıt, 答案, 回答, 答え, 答, 답변, 답, คำตอบ,
    câu trả lời, trả lời, jawaban, جواب, إجابة, الإجابة, پاسخ, תשובה, उत्तर, উত্তর"""
)
USERS = _words(
    """user, human, customer, client, benutzer, nutzer, mensch, usuario, utilisateur, utente, usuário, gebruiker,
    пользователь, человек, użytkownik, kullanıcı, 用户, 用戶, ユーザー, ユーザ, 사용자, ผู้ใช้, người dùng, pengguna,
    مستخدم, المستخدم, उपयोगकर्ता"""
)
ASSISTANTS = _words(
    """assistant, ai, bot, model, chatbot, gpt, agent, assistent, asistente, assistente, ассистент, модель, asystent,
    asistan, 助手, 助理, アシスタント, 어시스턴트, 도우미, ผู้ช่วย, trợ lý, asisten, مساعد, المساعد, सहायक"""
)
TEXTS = _words(
    """text, sentence, source, x, review, comment, message, tweet, email, e-mail, mail, ticket, article, passage,
    paragraph, document, context, title, headline, prompt, query, request, utterance, phrase, word, premise,
    hypothesis, english, original, code, dialogue, conversation, description, post, statement, claim, problem,
    riddle, instruction, product, name, string, bad, wrong, informal, satz, quelle, bewertung, nachricht, kommentar,
    artikel, beschreibung, wort, aufgabe, anfrage, deutsch, englisch, falsch, texto, frase, oración, reseña, mensaje,
    comentario, artículo, palabra, fuente, inglés, español, texte, avis, critique, commentaire, mot, anglais,
    français, testo, recensione, messaggio, commento, parola, inglese, italiano, tekst, zin, recensie, bericht,
    zdanie, recenzja, wiadomość, metin, cümle, yorum, kelime, текст, предложение, отзыв, сообщение, комментарий,
    слово, фраза, речення, відгук, 文本, 句子, 原文, 评论, 評論, 单词, 英文, 中文, テキスト, 文, 文章, レビュー,
    単語, 英語, 日本語, 텍스트, 문장, 리뷰, 단어, 영어, 한국어, ข้อความ, ประโยค, รีวิว, คำ, văn bản, câu, đánh giá,
    teks, kalimat, ulasan, نص, النص, جملة, الجملة, مراجعة, पाठ, वाक्य, समीक्षा"""
)
LABELS = _words(
    """label, target, result, response, summary, translation, y, sentiment, category, class, classification, topic,
    intent, verdict, tag, tags, rating, score, title, headline, subject, subject line, correction, corrected,
    rewrite, rewritten, paraphrase, simplified, completion, reply, keywords, keyword, entities, entity, language,
    emotion, tone, sql, json, code, query, regex, command, python, french, german, spanish, italian, japanese,
    chinese, russian, formal, good, right, fixed, expected, value, number, date, plural, past, past tense, antonym,
    synonym, opposite, solution, conclusion, decision, type, priority, sarcastic, toxic, colour, color, capital,
    genre, grade, formula, emoji, bewertung, ergebnis, kategorie, klasse, thema, stimmung, zusammenfassung,
    übersetzung, urteil, etikett, titel, antwort, lösung, korrektur, sprache, absicht, richtig, wert, mehrzahl,
    gegenteil, gefühl, betreff, deutsch, englisch, etiqueta, resultado, categoría, clase, tema, sentimiento, resumen,
    traducción, veredicto, título, corrección, idioma, intención, correcto, español, inglés, polaridad, valor,
    étiquette, résultat, catégorie, classe, thème, sujet, résumé, traduction, titre, langue, intention, français,
    anglais, valeur, ton, polarité, etichetta, risultato, categoria, argomento, sentimento, riassunto, traduzione,
    titolo, correzione, lingua, italiano, tradução, resumo, rótulo, categorie, samenvatting, vertaling, kategoria,
    etykieta, tłumaczenie, streszczenie, wynik, duygu, etiket, kategori, çeviri, özet, sonuç, метка, класс,
    категория, тема, тональность, перевод, резюме, результат, оценка, исправление, язык, заголовок, мітка,
    тональність, переклад, категорія, 标签, 標籤, 类别, 類別, 情感, 翻译, 翻譯, 摘要, 结果, 結果, 译文, 主题, 分类,
    ラベル, 分類, 感情, 翻訳, 要約, カテゴリ, カテゴリー, 訳, 레이블, 라벨, 감정, 번역, 요약, 결과, 분류, 카테고리,
    ป้ายกำกับ, ความรู้สึก, หมวดหมู่, คำแปล, สรุป, ผล, nhãn, cảm xúc, bản dịch, tóm tắt, kết quả, thể loại, sentimen,
    terjemahan, ringkasan, hasil, تصنيف, التصنيف, ترجمة, الترجمة, ملخص, النتيجة, المشاعر, لیبل, लेबल, भावना, अनुवाद,
    सारांश, परिणाम, श्रेणी"""
)
TITLES = _words(
    """task, instruction, instructions, system, system prompt, prompt, description, your task, goal, objective, aufgabe,
    anweisung, tarea, instrucción, instrucciones, tâche, consigne, istruzioni, compito, tarefa, instruções, opdracht,
    задача, задание, инструкция, завдання, 任务, 任務, 说明, 指令, 指示, タスク, 작업, 지시, งาน, คำสั่ง, nhiệm vụ,
    yêu cầu, görev, talimat, المهمة, التعليمات, कार्य, निर्देश"""
)
"""Headings above an instruction."""
HEADINGS = (*TITLES, "note", "notes", "rules", "rule", "hinweis", "regeln", "nota", "注意", "注")
"""Headings above an instruction or a part of it."""
VALUES = _words(
    """bad, good, wrong, right, formal, informal, past, plural, title, name, word, question, answer, tone, language,
    color, colour, date, number, type, code, english, german, french, spanish, italian, japanese, chinese, russian,
    falsch, richtig, deutsch, englisch, wort, frage, antwort, inglés, español, anglais, français, inglese, italiano,
    英文, 中文, 英語, 日本語, 영어, 한국어"""
)
"""Words that name a column of a table, and may as well be a value in its first row."""
FAMILIES = ((INPUTS, OUTPUTS), (QUESTIONS, ANSWERS), (USERS, ASSISTANTS), (TEXTS, (*LABELS, *ANSWERS, *OUTPUTS)))
"""Labels that belong together: of an input, of an output; the first family that a prompt has is its layout."""
OUTPUT_NAMES = (*LABELS, *(word for _, outputs in FAMILIES[:3] for word in outputs))
"""All labels of an output."""

_EXAMPLE = (
    r"(?:examples?|samples?|demonstrations?|demos?|shots?|illustrations?|e\.\s?g\.?|such as|for instance|like so|"
    r"beispiele?n?|bspw?\.?|z\.\s?b\.?|muster|wie etwa|ejemplos?|p\.\s?ej\.?|exemples?|esemp[io]+|exemplos?|"
    r"voorbeeld(?:en)?|bijv\.?|exempel|eksemp(?:el|ler)|esimerk\w+|пример\w*|например|приклад\w*|наприклад|"
    r"przykład\w*|np\.|příklad\w*|např\.|péld\w+|exempl\w+|παράδειγμα\w*|παραδείγματα|örnek\w*|mesela|ví dụ|"
    r"contoh\w*|misalnya|مثال|أمثلة|مثلا|דוגמ\w+|उदाहरण\w*|উদাহরণ)"
)
_PHRASE = (
    r"(?:(?:for|par|zum|por|ad|als|till?|na) (?:example|exemple|beispiel|ejemplo|exemplo|esempio|eksempel|exempel|przykład)|"
    r"for instance|e\.\s?g\.?|such as|z\.\s?b\.?|bspw?\.|wie etwa|p\.\s?ej\.?|bijvoorbeeld|например|наприклад|mesela|örneğin|"
    r"ví dụ|misalnya|contohnya|مثلا|على سبيل المثال)"
)
_PHRASE_UNSPACED = r"(?:例如|比如|譬如|举例来说|例えば|たとえば|예를 들어|เช่น)"
_EXAMPLE_UNSPACED = (
    r"(?:例えば|たとえば|例子|示例|样例|範例|范例|举例|例如|比如|譬如|実例|例|예시|예를 들어|예|ตัวอย่าง|เช่น)"
)
PHRASES = rf"(?:(?<!\w){_PHRASE}(?!\w)|{_PHRASE_UNSPACED})"
"""Words by which a sentence goes on to examples, for a regular expression that ignores case."""
EXAMPLES = rf"(?:{PHRASES}|(?<!\w){_EXAMPLE}(?!\w)|{_EXAMPLE_UNSPACED})"
"""A word that announces examples, for a regular expression that ignores case."""
EXAMPLE = re.compile(f"(?i){EXAMPLES}")

VERBS = _words(
    """becomes, become, should become, gives, should give, give, yields, should yield, is translated as, translates to,
    translates as, turns into, should turn into, maps to, is mapped to, should be, must be, produces, should produce,
    returns, should return, is rewritten as, is written as, is labelled, is labeled, is classified as,
    should be classified as, should be labelled, should be labeled, should be translated as, should be rewritten as,
    would be, would become, would give, corresponds to, results in, is converted to, changes to, the answer is,
    the output is, the output should be, answer, you answer, you should answer, wird zu, wird, ergibt, soll ergeben,
    soll werden, heißt, muss, liefert, se convierte en, da, debe dar, pasa a ser, se traduce como, devient, donne,
    doit donner, se traduit par, diventa, dà, si traduce, torna-se, vira, resulta em, wordt, geeft, blir, ger,
    становится, превращается в, даёт, дает, переводится как, staje się, daje, olur, verir, dönüşür, trở thành, thành,
    menjadi, 変为, 变成, 變成, 变为, 译为, 翻译为, 应为, 输出, 得到, は, なら, 이면, 는, 은, 되다, กลายเป็น, เป็น,
    ได้, تصبح, يصبح, बन जाता है"""
)


def pattern(words: _Labels) -> str:
    """The words as alternatives of a regular expression, the longest first."""
    return "|".join(sorted({re.escape(word) for word in words}, key=len, reverse=True))


def is_label(name: str, words: _Labels) -> bool:
    """Whether a field's, tag's or column's name is one of the words: `input_text`, `Input 1` and `INPUT` are input."""
    plain = re.sub(r"[\s_/.#*-]+", " ", name).strip().lower()
    plain = re.sub(r"\s*\d+$", "", plain)
    shortened = re.sub(r" (?:text|string|column|field)$", "", plain)
    return plain in words or shortened in words
