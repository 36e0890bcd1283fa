"""Names of languages and of their families by ISO 639 code, and what else is written where a code belongs."""

from __future__ import annotations

import re

_NAMES = """
aa Afar, ab Abkhazian, ace Acehnese, af Afrikaans, ak Akan, am Amharic, an Aragonese, ar Arabic, as Assamese, ase American
Sign Language, ast Asturian, av Avaric, ay Aymara, az Azerbaijani, ba Bashkir, ban Balinese, bcl Central Bikol, be
Belarusian, bem Bemba, ber Berber, bg Bulgarian, bho Bhojpuri, bi Bislama, bjn Banjar, bm Bambara, bn Bengali, bo Tibetan, br
Breton, bs Bosnian, bug Buginese, ca Catalan, ceb Cebuano, ckb Central Kurdish, co Corsican, crh Crimean Tatar, cs Czech, csb
Kashubian, cv Chuvash, cy Welsh, da Danish, de German, dsb Lower Sorbian, dv Dhivehi, dz Dzongkha, ee Ewe, efi Efik, el
Greek, en English, eo Esperanto, es Spanish, et Estonian, eu Basque, fa Persian, ff Fulah, fi Finnish, fil Filipino, fj
Fijian, fo Faroese, fon Fon, fr French, fur Friulian, fy Frisian, ga Irish, gaa Ga, gd Gaelic, gl Galician, gn Guarani, gsw
Swiss German, gu Gujarati, gv Manx, ha Hausa, haw Hawaiian, he Hebrew, hi Hindi, hil Hiligaynon, hmn Hmong, ho Hiri Motu, hr
Croatian, hsb Upper Sorbian, ht Haitian Creole, hu Hungarian, hy Armenian, ia Interlingua, id Indonesian, ig Igbo, ilo Iloko,
io Ido, is Icelandic, it Italian, ja Japanese, jv Javanese, ka Georgian, kab Kabyle, kg Kongo, ki Kikuyu, kj Kwanyama, kk
Kazakh, kl Greenlandic, km Khmer, kn Kannada, ko Korean, ks Kashmiri, ku Kurdish, kw Cornish, ky Kyrgyz, la Latin, lb
Luxembourgish, lg Luganda, li Limburgish, lij Ligurian, ln Lingala, lo Lao, loz Lozi, lt Lithuanian, lu Luba-Katanga, lua
Luba-Lulua, luo Luo, lus Mizo, lv Latvian, mai Maithili, mg Malagasy, mh Marshallese, mi Maori, min Minangkabau, mk
Macedonian, ml Malayalam, mn Mongolian, mni Manipuri, mos Mossi, mr Marathi, ms Malay, mt Maltese, my Burmese, nb Norwegian
Bokmal, nds Low German, ne Nepali, ng Ndonga, nl Dutch, nn Norwegian Nynorsk, no Norwegian, nso Northern Sotho, ny Nyanja, oc
Occitan, om Oromo, or Odia, os Ossetian, pa Punjabi, pag Pangasinan, pap Papiamento, pcm Nigerian Pidgin, pl Polish, ps
Pashto, pt Portuguese, qu Quechua, rm Romansh, rn Rundi, ro Romanian, ru Russian, rue Rusyn, rw Kinyarwanda, sa Sanskrit, sah
Yakut, sat Santali, sc Sardinian, scn Sicilian, sd Sindhi, se Northern Sami, sg Sango, sh Serbo-Croatian, si Sinhala, sk
Slovak, sl Slovenian, sm Samoan, sn Shona, so Somali, sq Albanian, sr Serbian, ss Swati, st Southern Sotho, su Sundanese, sv
Swedish, sw Swahili, szl Silesian, ta Tamil, te Telugu, tg Tajik, th Thai, ti Tigrinya, tk Turkmen, tl Tagalog, tn Tswana, to
Tongan, tpi Tok Pisin, tr Turkish, ts Tsonga, tt Tatar, tum Tumbuka, tw Twi, ty Tahitian, ug Uyghur, uk Ukrainian, ur Urdu,
uz Uzbek, ve Venda, vec Venetian, vi Vietnamese, wa Walloon, war Waray, wo Wolof, xh Xhosa, yi Yiddish, yo Yoruba, yue
Cantonese, zh Chinese, zu Zulu, aav Austro-Asiatic languages, afa Afro-Asiatic languages, alv Atlantic-Congo languages, art
constructed languages, bat Baltic languages, bnt Bantu languages, cau Caucasian languages, cel Celtic languages, cpf French
creoles, cpp Portuguese creoles, cus Cushitic languages, dra Dravidian languages, fiu Finno-Ugric languages, gem Germanic
languages, gmq North Germanic languages, gmw West Germanic languages, grk Greek languages, iir Indo-Iranian languages, inc
Indic languages, ine Indo-European languages, itc Italic languages, mkh Mon-Khmer languages, mul multiple languages, nic
Niger-Congo languages, phi Philippine languages, poz Malayo-Polynesian languages, roa Romance languages, sal Salishan
languages, sem Semitic languages, sla Slavic languages, trk Turkic languages, urj Uralic languages, zle East Slavic
languages, zls South Slavic languages, zlw West Slavic languages
"""
NAMES: dict[str, str] = {code: " ".join(words) for code, *words in (entry.split() for entry in _NAMES.split(","))}
"""English names by the shortest code of ISO 639; families by the code of ISO 639-5."""

MULTILINGUAL = "multilingual"

_LONGER = """
amh am, ara ar, arb ar, aze az, bel be, ben bn, bos bs, bul bg, cat ca, ces cs, cze cs, cym cy, dan da, deu de, ger de, ell
el, gre el, eng en, epo eo, est et, eus eu, ewe ee, fas fa, per fa, fin fi, fra fr, fre fr, gle ga, glg gl, guj gu, hau ha,
heb he, hin hi, hrv hr, hun hu, hye hy, ibo ig, ind id, isl is, ita it, jpn ja, jap ja, kan kn, kat ka, kaz kk, khm km, kin
rw, kor ko, kur ku, lao lo, lat la, lav lv, lit lt, lug lg, mal ml, mar mr, mkd mk, mlt mt, mon mn, msa ms, mya my, nep ne,
nld nl, dut nl, nor no, nob nb, nya ny, oci oc, orm om, pan pa, pol pl, por pt, pus ps, ron ro, rum ro, run rn, rus ru, san
sa, sin si, slk sk, slv sl, sna sn, som so, spa es, sqi sq, srp sr, swa sw, swh sw, swe sv, tam ta, tel te, tgk tg, tgl tl,
tha th, tir ti, tsn tn, tur tr, twi tw, uig ug, ukr uk, urd ur, uzb uz, vie vi, wol wo, xho xh, yor yo, zho zh, chi zh, chn
zh, cmn zh, zul zu, iw he, jp ja, kr ko, cn zh, ua uk, vn vi, farsi fa, bahasa id
"""
_SHORTEST: dict[str, str] = {
    **dict(entry.split() for entry in _LONGER.split(",")),
    **{name.lower(): code for code, name in NAMES.items() if " " not in name},
}
"""Three letters, a name or a country, and the code that is meant."""
_COUNTRIES = frozenset({"jp", "kr", "cn", "ua", "vn"})
"""Codes of countries: a language where a card names its languages, and none in a name of something else."""


def code_of(written: str) -> str | None:
    """The code of a language as cards and names write it (en, eng, en-US, English); None where it is none."""
    text = written.strip().lower()
    if text in (MULTILINGUAL, "multi", "mul"):
        return MULTILINGUAL
    head = re.split(r"[-_]", text)[0]
    for part in (text, head):
        if (code := _SHORTEST.get(part, part)) in NAMES:
            return code
    return text if re.fullmatch(r"[a-z]{3}", text) and text not in ("unk", "und", "art") else None


def is_language(word: str) -> bool:
    """Whether a part of a name is a language's code or name."""
    return (word in NAMES or word in _SHORTEST) and word not in _COUNTRIES


def shown(codes: list[str], most: int = 12) -> str:
    """The languages by name; of more than so many, how many there are."""
    if len(codes) > most:
        return f"{len(codes)} languages, multilingual"
    return ", ".join(NAMES.get(code, code) for code in codes)
