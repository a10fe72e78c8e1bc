"""What tells bounces, complaints and answers of machines apart. Data; a new sign is one line.

Patterns meet lower-case text. Gaps are bounded: a hostile mail must not cost more than its length.
"""

from digest.delivery.phrases import phrases

# Who sends bounces: a local part, or a display name.
DAEMON = phrases(r"mailer[-_. ]?daemon|mail[-_. ]?deliver\w+|delivery[-_. ](sub)?system|mdaemon")
POSTMASTER = phrases(r"post_?master|system administrator|mail administrator|microsoft exchange|^ndr@|jetmail")
# What the subject of a bounce begins with, or is.
FAILURE_SUBJECT = phrases(
    r"undeliver(ed|able)|returned (e-?)?mail|returned to sender|(non-?|not )deliver(y|ed|able)",
    r"failure notice",
    r"deliver(y|ies) (has |to [^:]{0,60})?(fail\w*|problem|status|report|error|notification|delay|warning)",
    r"(mail|message)( was| has)?( not)? ?(deliver\w*|transmi\w+)? (fail\w*|error|problem)",
    r"failure delivery|failed mail|could not be delivered|fatal delivery|processing error|nicht zustellbar",
    r"unzustellbar|zustellung fehlgeschlagen|non remis|échec de (la )?remise|non (distribu|délivr)",
    r"no se (pudo|ha podido) entregar",
    r"no entregado|mancata consegna|niet bezorg|não entregue|не доставлен|退信|user unknown|delayed mail",
    r"\b(bounce|non-delivery) (notification|report|message)|bounced (e-?)?mail",
    r"недоставлен|メールエラー|配信(不能|エラー|できません)|送信(エラー|できません)",
    r"message delayed",
    r"^warning: message|mail delivery|automatically rejected mail|mail system error|non recensé|rejected:",
)
FAILURE = phrases(
    r"(could|can|did|was|were|has|have|may)(n't| ?not| not)( yet)?( be| been)? (deliver\w*|reach\w*|receive)",
    r"(unable|wasn't able|not able|failed) to deliver|undeliver(able|ed)",
    r"delivery (has |to [^.:]{0,80} )?failed",
    r"delivery (problems?|errors?|failure|status)|failed (recipients?|addresses)",
    r"following (recipient|address)",
    r"permanent (fatal )?errors?|mail delivery software|non-delivery|returned because",
    r"problem with the e-?mail address",
    r"nicht zugestellt|konnte nicht|n'a pas (pu|été)|no (pudo|se pudo|ha podido) (ser )?entrega",
    r"не может быть доставлено",
    r"error message below|failure reasons|has been (delayed|postponed)|address(es)? failed|not delivered",
    r"unable to be delivered|delevery",
    r"(message|mail)( that)?( you)?( have)?( sent)? (was|has been) (rejected|refused|returned|bounced)",
)
DELAY = phrases(
    r"\b(has|have) not yet been delivered|has been (delayed|postponed)|delayed \d|message delayed",
    r"delayed mail",
    r"warning (message )?only|will continue (to|trying)|attempts will continue|will be retried",
    r"still being retried",
    r"(delay|warning)\)|delivery (is )?(delayed|delay|warning)|noch nicht zugestellt|verzögert",
    r"n'a pas encore",
)
GIVEN_UP = phrases(
    r"permanent(ly)? (fatal )?(error|failure|fail)|failed permanently|giv(en|ing) up|has been removed"
)

AUTO_SUBJECT = phrases(
    r"^(re: )?automatic(ally generated)? (reply|response)",
    r"^(re: )?auto(matic|mated)?[- :]*(reply|response|antwort|respond\w*)",
    r"out of (the )?office|\booo\b|on (vacation|holiday|leave)|away from|vacation|abwesen\w+",
    r"nicht im (büro|hause)",
    r"automatische antwort|urlaub|réponse automatique|absen(ce|t)\b|respuesta autom|fuera de",
    r"risposta automatica",
    r"automat\w{1,6} (atbild|odpowied|odpov[eě]|válasz|svar|vastau)|atva[lļ]in[aā]jum|urlop|szabads[aá]g",
    r"automatisch antwoord|afwezig|autosvar|fr[åa]nv[aä]r|автоответ|自動返信|自动回复|^auto: ",
)
CHALLENGE = phrases(
    r"(confirm|verify) (that )?(you are|you're|your (e-?mail|message|delivery|address))",
    r"(whitelist|boxbe|spamarrest|challenge[- ]response|tmda|sender verification|antispam verification)",
    r"click[^.]{0,80} (to (have|get) your (message|e-?mail) delivered|approved sender)",
    r"waiting for your confirmation",
)
# What no reader would write to us: followed without any sign of a machine.
GATE = phrases(r"click[^.]{0,120} (allowed|approved|guest|safe)[- ]?(list|senders)")
COMPLAINT_SUBJECT = phrases(r"complaint about message from", r"^\[spamcop")
# What mail programs put before a subject.
FORWARDED = phrases(r"(fwd?|wg|tr|rv|enc|doorst):")
ANSWERED = phrases(r"^((re|aw|antw|sv|rv|r) ?: ?){1,5}")

UNSUBSCRIBE = phrases(
    r"(please )?(unsubscribe|remove)( me)?( please)?|opt[- ]?out|stop|sign ?off",
    r"(bitte )?(abmelden|abbestellen|austragen)|désabonn\w+|désinscri\w+|baja|darse de baja",
    r"cancel(lami|lare iscrizione)|uitschrijven|afmelden",
)
UNSUBSCRIBE_MAILBOX = phrases(r"unsub(scribe)?\b|\bleave\b|\babmelden\b|opt-?out")

# Where the returned message begins, in a report that is all text.
RETURNED = phrases(
    r"below (this|the next) line|(this|here|included|following|attachment) is a copy",
    r"original message (header|follows|attached|detail|as received|adjunto|-)",
    r"(header|top|lines)[^.]{0,30} of (the|your) (original )?message",
    r"mensaje original|start of returned message|returned (mail( follows)?|message) ?-|unsent message below",
    r"undelivered message follows",
    r"message (text|headers?) follows?|original message headers|forwarded message|your message reads",
    r"old message:|bounced e-?mail:",
    r"-----? ?original message|message header removed|message follows|header of the source mail",
    r"-{5,}.{0,20}header of the",
)
# Lines whose address is no failed recipient's.
NOT_ABOUT = phrases(
    r"^\W*(from|sender|reply-to|return-path|message-id|in-reply-to|references|subject)\W*:",
    r"^\W*(received|x-[\w-]+|sent by|cc)\W*:",
    r"mail from|please (contact|reply|send|forward)|for (further|more) (assistance|information|help)",
    r"system contact",
    r"contact (your|the|us|postmaster)|questions|https?://|(assistance|support|help)[^.]{0,20}:",
)
