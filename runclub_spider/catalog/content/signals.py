"""What speaks for and against each label: the declared table.

An entry is a label, where it is looked for, its points, and phrases (see :mod:`.words`), one of
which must stand there. Points are hundredths of confidence; those of all entries that speak are
added up, and :data:`THRESHOLDS` says from where on a track deserves the label. An entry counts
once, however many of its phrases stand. So one entry of 60 is enough, one of 30 wants company, and
what is below 0 tells the word from the thing: "Tribute" is a song by Tenacious D.

Phrases are written without accents, apostrophes and case, as :func:`.words.fold` leaves them.
To teach another language a label, add its phrases to the entry that has the English ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runclub_spider.catalog.content.labels import Label


class Where(StrEnum):
    """The part of what is known that an entry looks at; the value is the word for `explain`."""

    TITLE = "title"
    BASE = "title before brackets and dashes"
    REMARK = "remark in the title"
    ARTIST = "artist"
    LEAD = "first artist"
    ALBUM = "album"
    ALBUM_BASE = "album before brackets and dashes"
    ALBUM_REMARK = "remark in the album"
    GENRE = "genre of an artist"
    LIST = "list or search that found it"


class Sign(StrEnum):
    """What is not said in words; the value is the phrase for `explain`."""

    SPEECH = "features: nothing but speech"
    TALK = "features: mostly speech"
    SINGING = "features: hardly any speech"
    AUDIENCE = "features: speech before an audience"
    LIVE_SOUND = "features: an audience"
    SONGS = "title: three songs or more, joined by slashes"
    SONG_AND_SKIT = "title: a song beside a skit"
    ON_STAGE = "title: an introduction at a concert"
    OWN_NAME = "the remark names the artist"
    KNOWN_ARTIST = "genres of an artist with songs of their own"
    NOBODY = "no artist has a genre"
    RAP = "genres: rap"
    RAPPED = "features and genres: rap"
    CLASSICAL = "genres: classical"
    WORDLESS = "genres: music that seldom has words"
    WORK = "other tracks of the artist"


@dataclass(frozen=True, slots=True)
class Says:
    """Words that speak for or against a label."""

    where: Where
    points: int
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shows:
    """A sign that speaks for or against a label, once words, genre or features brought it up."""

    sign: Sign
    points: int


#: Hundredths of confidence from which a track deserves a label.
THRESHOLDS: dict[Label, int] = dict.fromkeys(Label, 60)
#: From here on names alone are enough to reject, and count as the artist's way.
PLAIN = 80


def _said(where: Where, points: int, phrases: str) -> Says:
    return Says(where, points, tuple(phrase.strip() for phrase in phrases.split(";")))


_TITLE, _BASE, _REMARK = Where.TITLE, Where.BASE, Where.REMARK
_ARTIST, _LEAD, _GENRE, _LIST = Where.ARTIST, Where.LEAD, Where.GENRE, Where.LIST
_ALBUM, _ALBUM_BASE, _ALBUM_REMARK = Where.ALBUM, Where.ALBUM_BASE, Where.ALBUM_REMARK

TABLE: dict[Label, tuple[Says | Shows, ...]] = {
    Label.KARAOKE: (
        _said(
            _TITLE,
            90,
            "originally performed by; originally perfomed by; in the style of; made famous by; "
            "made popular by; karaoke version; karaoke instrumental; instrumental karaoke; "
            "version karaoke; versao karaoke; versione karaoke; karaokeversion; al estilo de; "
            "en el estilo de; no estilo de; nello stile di; im stil von; dans le style de; "
            "popularizado por; rendu celebre par; rendue celebre par; resa famosa da; "
            "beruhmt gemacht durch",
        ),
        _said(_REMARK, 80, "karaoke; カラオケ; 노래방; mr반주; off vocal; minus one; ^playback$"),
        _said(
            _REMARK,
            70,
            "backing track; performance track; demonstration vocals; demonstration vocal; "
            "guide vocal; guide vocals; without backing vocals; with lead vocal; "
            "with lead vocals; base musicale; pista de acompanamiento; piste daccompagnement; "
            "begleitspur; sing along version; mitsingversion; version zum mitsingen",
        ),
        _said(
            _REMARK,
            25,
            "backing version; vocal version; demo vocal; as performed by; sound a like",
        ),
        _said(_BASE, 10, "karaoke"),
        _said(
            _ARTIST,
            75,
            "karaoke band; karaoke crew; karaoke channel; karaoke club; karaoke entertainment; "
            "karaoke all stars; karaoke allstars; karaoke universe; karaoke pro; "
            "karaoke classics; karaoke singers; karaoke studio; karaoke players; karaoke hits; "
            "karaoke gang; karaoke machine; karaoke company; karaoke superstars; karaoke experts; "
            "prosource karaoke; sing karaoke; made famous by; originally performed by; "
            "in the style of; ^karaoke$",
        ),
        _said(_ARTIST, 50, "karaoke; party tyme; sing2piano; backtrack professional"),
        _said(_ALBUM, 45, "karaoke"),
        _said(_GENRE, 45, "karaoke; backing track"),
        _said(_LIST, 15, "karaoke"),
        Shows(Sign.WORK, 45),
    ),
    Label.TRIBUTE: (
        _said(
            _REMARK,
            75,
            "^tribute to; ^a tribute to; tribute version; ^as a tribute; tribute cover; "
            "^tributo a; ^un tributo a; ^im gedenken an; version tributo; version hommage",
        ),
        _said(_REMARK, 50, "tribute$; tributo$"),
        _said(_REMARK, 35, "cover version; coverversion"),
        _said(_BASE, 20, "^tribute to; ^a tribute to"),
        _said(
            _ARTIST,
            75,
            "tribute band; tribute crew; top tributes; tribute kings; tribute stars; tribute co; "
            "tribute standards; tribute collection; tribute mega stars; tribute artists; "
            "tribute team; tribute players; tribute to; tribute all stars; tribute allstars; "
            "tribute singers; cover band; coverband; banda tributo",
        ),
        _said(_ARTIST, 45, "tribute; tributes; tributo; cover nation; soundalikes"),
        _said(
            _ALBUM,
            75,
            "bluegrass tribute; piano tribute; string tribute; acoustic tribute; reggae tribute; "
            "lounge tribute; ska tribute; dub tribute; metal tribute; salsa tribute",
        ),
        _said(_ALBUM, 45, "tribute to; tributo a; tributo al; tributo ao"),
        _said(_ALBUM, 20, "hommage a; homenaje a; homenagem a; omaggio a; a salute to"),
        _said(_LEAD, 20, "pickin on"),
        _said(_LIST, 10, "tribute; tributes"),
        Shows(Sign.NOBODY, 15),
        Shows(Sign.KNOWN_ARTIST, -40),
        Shows(Sign.CLASSICAL, -40),
        Shows(Sign.OWN_NAME, -60),
        Shows(Sign.WORK, 30),
    ),
    Label.RENDITION: (
        _said(
            _TITLE,
            90,
            "lullaby rendition; lullaby renditions; lullaby version; lullaby cover; "
            "music box version; music box cover; 8 bit version; 8 bit emulation; 8 bit cover; "
            "8 bit rendition; string quartet tribute; string quartet cover; wiegenliedversion; "
            "schlafliedversion; version cancion de cuna; version de cuna; version berceuse; "
            "versione ninna nanna; versao cancao de ninar; version caja de musica; "
            "version boite a musique; versao caixinha de musica; versione carillon; "
            "spieluhrversion; spieluhr version",
        ),
        _said(
            _REMARK,
            70,
            "^8 bit$; ^8 bit version; ^16 bit version; emulation$; ^orgel$; ^music box$",
        ),
        _said(_REMARK, 30, "^8 bit; ^16 bit; 8 bit$"),
        _said(
            _REMARK,
            60,
            "arr string quartet; arr for string quartet by; arranged for string quartet",
        ),
        _said(_REMARK, 35, "string quartet"),
        _said(_REMARK, 15, "rendition; ^lullaby$; cover$; string quartet version"),
        _said(
            _ALBUM,
            75,
            "lullaby renditions; lullaby rendition; lullaby versions; piano renditions; "
            "renditions of; 8 bit versions; music box versions; string quartet tribute; "
            "string quartet performs; vsq performs; wiegenlieder versionen",
        ),
        _said(_LEAD, 70, "string quartet; cuarteto de cuerdas; streichquartett; quatuor a cordes"),
        _said(
            _ARTIST,
            75,
            "rockabye baby; hushabye baby; twinkle twinkle little rock star; 8 bit arcade; "
            "8 bit universe; 8 bit big band; lullaby players; lullaby renditions; "
            "lullaby ensemble; lullaby baby; music box ensemble; music box mania; orgel",
        ),
        _said(_ARTIST, 30, "8 bit; lullaby; lullabies; arcade player; music box"),
        _said(_GENRE, 65, "^lullaby$"),
        _said(_GENRE, 30, "^8 bit$; ^music box$"),
        _said(_LIST, 10, "lullaby renditions; 8 bit; music box"),
        _said(
            _TITLE,
            -60,
            "string quartet no; string quartet #; string quartet in; string quartets; "
            "string quintet; op #; bwv; quartet no; allegro; andante; adagio; menuetto; moderato; "
            "largo",
        ),
        _said(_ALBUM, -40, "string quartets; string quartet no; op #; complete quartets"),
        Shows(Sign.CLASSICAL, -60),
        Shows(Sign.WORK, 45),
    ),
    Label.NOISE: (
        _said(
            _TITLE,
            85,
            "rain sounds; rain sound; sounds of rain; sound of rain for sleep; nature sounds; "
            "sounds of nature; forest sounds; jungle sounds; ocean sounds; binaural beats; "
            "alpha sinus; beta sinus; gamma sinus; theta sinus; gamma drone; beta drone; "
            "alpha drone; brownian noise; sleep sounds; fan sounds; fan noise; white noise for; "
            "pink noise for; brown noise for; weisses rauschen; ruido blanco; ruido branco; "
            "bruit blanc; rumore bianco; rosa rauschen; braunes rauschen; ruido rosa; bruit rose; "
            "regengerausche; naturgerausche; sonidos de lluvia; sonido de lluvia; "
            "sonidos de la naturaleza; bruits de la nature; bruit de pluie; bruit de la pluie; "
            "sons da chuva; som de chuva; sons da natureza; suoni della natura; "
            "suoni della pioggia; rumore della pioggia; relaxing sounds; thunderstorm sounds; "
            "sound masking; sleep waves; beach sound; nature sound",
        ),
        _said(
            _TITLE,
            62,
            "brown noise; red noise; blue noise; grey noise; violet noise; green noise",
        ),
        _said(_TITLE, 55, "binaural; solfeggio; loopable; brainwave; brainwaves"),
        _said(
            _TITLE,
            50,
            "pink noise; alpha waves; beta waves; gamma waves; theta waves; delta waves; "
            "alpha wave; gamma wave; theta wave; # hz l # hz; hz l; rain shower; rainfall for; "
            "rain for sleep; theta #; sinus #; hz drone; sound of the jungle; campfire sounds; "
            "rainforest; soothing rain; healing rain",
        ),
        _said(
            _TITLE,
            35,
            "white noise; no fade; # hz # hz; asmr; # hz alpha; # hz gamma; alpha # hz",
        ),
        _said(
            _TITLE,
            30,
            "for sleep; deep sleep; baby sleep; for relaxing; for relaxation; for insomnia; "
            "einschlafen; para dormir; pour dormir; per dormire; baby schlafhelfer; "
            "stress reduction; # hz; to relieve; night rain",
        ),
        _said(
            _TITLE,
            20,
            "thunderstorm; thunderstorms; ocean waves; crickets; rolling thunder; gentle rain",
        ),
        _said(
            _TITLE,
            10,
            "rain; drizzle; downpour; lluvia; pluie; regen; chuva; pioggia; waterfall; noise",
        ),
        _said(
            _ARTIST,
            75,
            "white noise; rain sounds; nature sounds; sleep sounds; sounds of nature; "
            "binaural beats; nature sound fx; nature music; natural sound makers; "
            "thunderstorm sounds; ocean sounds; relaxing sounds; regengerausche; "
            "weisses rauschen; ruido blanco; sonidos de la naturaleza",
        ),
        _said(
            _ARTIST,
            45,
            "binaural; brainwave; brainwaves; rain sounds fx; sleep specialist; life sounds",
        ),
        _said(_ARTIST, 25, "asmr; relax; sleep; sleepy; meditation; sound fx; lluvia del bosque"),
        _said(
            _ALBUM,
            55,
            "nature sounds; white noise for; pink noise; binaural beats; rain sounds; "
            "forest sounds; sound masking; sinus drones; gamma drones; beta drones; "
            "brainwave hypnosis; binaural alpha; ocean sounds; sound of nature; "
            "deep meditation with rain; jungle and forest sounds",
        ),
        _said(
            _ALBUM,
            35,
            "binaural; brainwave; brainwaves; white noise; alpha sinus; gamma waves",
        ),
        _said(
            _GENRE,
            60,
            "^white noise$; ^rain$; ^brown noise$; ^asmr$; ^sound effects$; ^brain waves$; "
            "^birdsong$; ^environmental$",
        ),
        _said(_GENRE, 30, "^water$; ^sleep$; ^pet calming$; ^shush$"),
        _said(_LIST, 10, "white noise; rain sounds; nature sounds; asmr"),
        _said(_BASE, -40, "^jungle sounds$; ^ocean sounds$; ^forest sounds$; ^nature sounds$"),
        _said(_TITLE, -60, "feat; ft; type beat; op #; piano; smooth jazz"),
        Shows(Sign.KNOWN_ARTIST, -60),
        Shows(Sign.CLASSICAL, -60),
        Shows(Sign.WORK, 45),
    ),
    Label.SPOKEN: (
        _said(
            _REMARK,
            135,
            "^skit; commentary$; ^commentary; track commentary; ^comentario$; ^kommentar$",
        ),
        _said(
            _REMARK,
            80,
            "^jfl #$; behind the song; story behind the song; dialogue excerpt; ^dialogue$; "
            "^dialog$; commento$; ^commentaire$; ^spoken word$; ^entrevista$; ^monologue$; "
            "^stand up comedy",
        ),
        _said(_BASE, 75, "^skit$; ^skit #; audio commentary for; ^track by track commentary"),
        _said(_BASE, 80, "skit$; radio skit; track by track commentary$; cb dialogue"),
        _said(
            _BASE,
            65,
            "^kapitel #; ^hoofdstuk #; ^capitulo #; ^chapitre #; ^capitolo #; ^rozdzial #; "
            "^kapitola #; ^horspiel; audiobook; horbuch; audiolibro; livre audio; sleepcast",
        ),
        _said(
            _BASE,
            35,
            "^chapter #; ^folge #; ^entrevista$; ^interview part; ^an interview with",
        ),
        _said(
            _TITLE,
            30,
            "autobiography; autobiographie; biografia; memoir; unabridged; ungekurzt",
        ),
        _said(
            _BASE,
            25,
            "monologue; monologue$; interviews; announcement; band intros; band introduction",
        ),
        _said(
            _TITLE,
            25,
            "interlude; intro; introduction; outro; intermission; ^a poem; poem$; story by; "
            "spoken word; message from; monolog; banter; speech; dialogue; skit",
        ),
        _said(
            _ALBUM,
            65,
            "ungekurzt; ungekurzte lesung; onverkort; integral audiolibro; audiobook; horbuch; "
            "horspiel; audio books; just for laughs; stand up comedy; comedy greats; "
            "comedy album; radio interview; interviews with; comedy special",
        ),
        _said(
            _ALBUM,
            30,
            "unabridged; commentary; track by track; laugh factory; comedy club; comedy store; "
            "on comedy; the improv; comedy; laughed; laughter; bastards",
        ),
        _said(_ALBUM, 40, "interviews"),
        # People who are heard talking and never singing: comedians, as far as they are known.
        _said(
            _ARTIST,
            62,
            "^george carlin$; ^richard pryor$; ^jerry seinfeld$; ^sam kinison$; ^bob newhart$; "
            "^mitch hedberg$; ^jim gaffigan$; ^dave chappelle$; ^kevin hart$; ^louis c k$; "
            "^chris rock$; ^rodney dangerfield$; ^lenny bruce$; ^jeff foxworthy$; "
            "^larry the cable guy$; ^ron white$; ^bill hicks$; ^bill burr$; ^ali wong$; "
            "^jerry clower$; ^flip wilson$; ^steven wright$; ^lewis black$; ^patton oswalt$; "
            "^brian regan$; ^katt williams$; ^george lopez$; ^gabriel iglesias$; "
            "^billy connolly$; ^ricky gervais$; ^eddie izzard$; ^jimmy carr$; ^mario barth$; "
            "^dieter nuhr$; ^gad elmaleh$; ^coluche$; ^franco escamilla$; ^polo polo$; "
            "^redd foxx$; ^moms mabley$; ^the jerky boys$; ^roy d mercer$; ^jonathan winters$; "
            "^phyllis diller$; ^joan rivers$; ^jackie mason$; ^shelley berman$; ^vaughn meader$; "
            "^andrew dice clay$; ^bernie mac$; ^demetri martin$; ^jimmy pardo$; ^hannah gadsby$; "
            "^trevor noah$; ^amy schumer$; ^sarah silverman$; ^chris delia$; ^tom segura$; "
            "^bert kreischer$; ^nate bargatze$; ^john pinette$; ^tim allen$; ^ellen degeneres$; "
            "^wanda sykes$; ^cedric the entertainer$; ^d l hughley$; ^steve harvey$; "
            "^gerhard polt$; ^loriot$; ^florence foresti$; ^raymond devos$; ^gigi proietti$; "
            "^beppe grillo$",
        ),
        _said(_ARTIST, 45, "comedian; comedians; horspiel; audiobooks; audiobook; podcast"),
        _said(
            _GENRE,
            45,
            "^comedy$; ^clean comedy$; ^black comedy$; ^prank$; ^hoerspiel$; ^audiobook$; "
            "^reading$; ^stand up$; ^british comedy$; ^latino comedy$; ^comedienne$; ^comedia$; "
            "^spoken word$; ^australian comedy$; ^poetry$; ^slam poetry$; ^speech$; "
            "^childrens story$; ^vintage radio show$",
        ),
        _said(_GENRE, 10, "^comic$; ^novelty$; ^motivation$"),
        _said(_LIST, 10, "comedy; stand up; audiobook; horspiel; podcast"),
        _said(_TITLE, -40, "feat; ft; remix; acapella; a cappella; acappella; freestyle"),
        _said(_ALBUM, -30, "acapellas; sings"),
        Shows(Sign.SPEECH, 45),
        Shows(Sign.TALK, 25),
        Shows(Sign.SINGING, -70),
        Shows(Sign.AUDIENCE, 20),
        Shows(Sign.RAPPED, -30),
        Shows(Sign.SONG_AND_SKIT, -120),
        Shows(Sign.ON_STAGE, 40),
        Shows(Sign.WORK, 45),
    ),
    Label.ALTERED: (
        _said(
            _TITLE,
            90,
            "sped up$; slowed reverb; slowed and reverb; slowed n reverb; chopped screwed; "
            "chopped and screwed; chopped not slopped; chopnotslop; 8d audio; sped up version; "
            "slowed version; nightcore edit; nightcore remix; nightcore version; ultra slowed; "
            "super slowed; sped up remix; slowed remix",
        ),
        _said(
            _REMARK,
            85,
            "sped up; nightcore; slowed; daycore; ^8 d$; screwed mix; ^screwed$; ^speed up$; "
            "speed up version; bass boosted; acelerado$; acelerada$; ^version acelerada; "
            "ralentizado$; ralentizada$; ralenti$; ^version ralentie; accelere$; acceleree$; "
            "accelerata$; rallentata$; beschleunigt$; verlangsamt$; desacelerada$; velocizzata$",
        ),
        _said(_ARTIST, 65, "nightcore; sped up; speed up; slowed; dj screw"),
        _said(
            _ALBUM,
            75,
            "chopped screwed; chopped and screwed; chopped not slopped; ^nightcore; screwed$; "
            "8 d$; 8d audio",
        ),
        _said(_ALBUM, 30, "sped up; slowed; nightcore"),
        _said(_GENRE, 45, "^nightcore$"),
        _said(_GENRE, 20, "^sped up$; ^slowed and reverb$; ^chopped and screwed$"),
        _said(_LIST, 15, "sped up; slowed; nightcore; 8d"),
        Shows(Sign.WORK, 45),
    ),
    Label.DJ_MIX: (
        _said(
            _TITLE,
            90,
            "mix cut; mixcut; continuous mix; continuous dj mix; dj mix; nonstop mix; "
            "non stop mix; mixed version; mezcla continua; durchgehender mix; mixe en continu",
        ),
        _said(
            _REMARK,
            100,
            "^mixed$; ^gemixt$; ^mezclado$; abgt #; abgt#; asot #; ^a state of trance #",
        ),
        _said(_TITLE, 60, "continuous"),
        _said(
            _ALBUM,
            70,
            "continuous dj mix; continuous mix; dj mix; grandmix; the mix tape dj set; "
            "mixed version; nonstop mix",
        ),
        _said(_ALBUM, 60, "^group therapy #; ^mixed$; asot #; abgt #"),
        _said(_ALBUM, 45, "mixed by"),
        _said(_ALBUM, 25, "a state of trance; mixed$; dj set; boiler room"),
        _said(_LIST, 10, "dj mix; abgt; asot"),
        _said(_TITLE, -30, "original mix; radio edit; extended mix; club mix"),
        Shows(Sign.WORK, 20),
    ),
    Label.WORKOUT_COVER: (
        _said(
            _REMARK,
            75,
            "workout remix; workout mix; workout version; fitness version; gym remix",
        ),
        _said(_REMARK, 25, "# bpm; version entrenamiento; treino; allenamento"),
        _said(
            _ARTIST,
            75,
            "power music workout; workout crew; workout soundtracks; workout remix factory; "
            "workout music; workout buddy; running music workout; workout trax; fitness beats; "
            "gym hits; dj cardio; cardio workout; workout heroes; musica para hacer deporte; "
            "fitness workout hits",
        ),
        _said(_ARTIST, 40, "workout; cardio; fitness; aerobics; aerobic"),
        _said(_ALBUM, 20, "workout; fitness; cardio; running"),
        _said(_GENRE, 45, "^workout product$"),
        _said(_TITLE, 25, "made famous by; originally performed by; in the style of"),
        _said(_LIST, 5, "workout"),
        Shows(Sign.KNOWN_ARTIST, -40),
        Shows(Sign.WORK, 30),
    ),
    Label.INSTRUMENTAL: (
        _said(
            _REMARK,
            85,
            "^inst$; ^instr$; instrumentalversion; version instrumentale; versione strumentale; "
            "^strumentale$; ^instrumentale$; ohne gesang; sin voz; sans paroles; senza voce; "
            "sem voz",
        ),
        _said(_REMARK, 60, "instrumental"),
        _said(
            _REMARK,
            25,
            "^instrumental$; instrumental version; instrumental mix; instrumental remix; "
            "instrumental track; version instrumental; versao instrumental",
        ),
        _said(_BASE, 60, "instrumental$; instrumentals$"),
        _said(_BASE, -60, "^instrumental$"),
        _said(_ALBUM, 20, "instrumentals; instrumental"),
        _said(
            _TITLE,
            -60,
            "acapella; a cappella; acappella; instrumental demo; instrumental album",
        ),
        Shows(Sign.WORDLESS, -40),
        Shows(Sign.CLASSICAL, -40),
    ),
    Label.LIVE: (
        _said(
            _REMARK,
            85,
            "^live$; ^live at; ^live from; ^live in; ^live on; ^live version; live version$; "
            "en vivo; ao vivo; en directo; en concierto; dal vivo; en concert; recorded live; "
            "live session; live acoustic; acoustic live; ^live #; live edit; live medley; "
            "live performance; live lounge; live recording; mtv unplugged; konzertmitschnitt; "
            "live aufnahme; unplugged; en public; in concert; na zywo; live remastered; "
            "live remaster; ^# live; 生",
        ),
        _said(_REMARK, 65, "live$; ^live; live at; live from"),
        _said(_BASE, 20, "live at; live from"),
        _said(
            _ALBUM,
            75,
            "live at; live from; ^live in; live in concert; en vivo; ao vivo; en directo; "
            "en concierto; dal vivo; mtv unplugged; unplugged; in concert; the last don live; "
            "double live; live on stage; live album; en public; im konzert; on tour live",
        ),
        _said(_ALBUM_REMARK, 75, "^live$; ^live at; ^live from; live$; live version; ^live in"),
        _said(_ALBUM_BASE, 75, "^live$; ^live from; ^live at"),
        _said(_ALBUM_BASE, 45, "live$"),
        _said(_LIST, 5, "live; en vivo; ao vivo"),
        _said(_TITLE, -70, "long live; we live; to live; live your; live it; live my; live fast"),
        _said(
            _ALBUM,
            -70,
            "w live; with live; long live; to live; live forever; live 2; live your",
        ),
        _said(_TITLE, -160, "studio version; studio take"),
        Shows(Sign.LIVE_SOUND, 15),
    ),
    Label.MEDLEY: (
        _said(
            _TITLE,
            85,
            "^medley; medley$; megamix; mega mix; minimix; mashup; mash up; mega medley; "
            "potpourri; pot pourri; popurri; medley live; live medley; mosaico$; smash up",
        ),
        _said(_REMARK, 85, "medley"),
        _said(_ARTIST, 75, "^stars on 45$; ^jive bunny"),
        _said(
            _TITLE,
            65,
            "^hooked on classics; ^hooked on swing; ^hooked on broadway; ^hooked on astaire; "
            "^hooked on the",
        ),
        _said(_TITLE, 30, "medley"),
        _said(
            _ALBUM,
            20,
            "medley; medleys; hooked on swing; hooked on classics; megamix; mash ups",
        ),
        _said(_TITLE, -60, "act i; act ii; act iii; act #; scene #"),
        Shows(Sign.SPEECH, -60),
        Shows(Sign.SONGS, 65),
    ),
    Label.HOLIDAY: (
        _said(
            _TITLE,
            90,
            "feliz navidad; joyeux noel; petit papa noel; vive le vent; buon natale; feliz natal; "
            "frohe weihnachten; stille nacht; o tannenbaum; jingle bell; jingle bells; "
            "silent night; red nosed reindeer; run rudolph run; santa claus; santa baby; "
            "sleigh ride; winter wonderland; deck the hall; deck the halls; little drummer boy; "
            "o holy night; oh holy night; first noel; 1st noel; away in a manger; "
            "away in the manger; what child is this; hark the herald; frosty the snowman; "
            "mele kalikimaka; carol of the bells; silver bells; home for the holidays; "
            "happy holidays; holly jolly; god rest ye; god rest you; come all ye faithful; "
            "adeste fideles; mary did you know; little town of bethlehem; we wish you a merry; "
            "coventry carol; bleak midwinter; bleak mid winter; must be santa; back door santa; "
            "hey santa; oh santa; dear santa; santas coming; santa tell me; over by a reindeer; "
            "chestnuts roasting; noche de paz; tu scendi dalle stelle; minuit chretiens; "
            "merry xmas; happy xmas; noite feliz; most wonderful time of the year",
        ),
        _said(
            _TITLE,
            75,
            "christmas; xmas; christmassy; navidad; navidena; villancico; villancicos; "
            "weihnachten; weihnacht; weihnachts; hanukkah; chanukah; chanukkah; mistletoe; "
            "yuletide; santa on; jultid; vianoce; kerstmis; bozego narodzenia",
        ),
        _said(
            _TITLE,
            65,
            "let it snow let it snow; joy to the world; auld lang syne; under the mistletoe",
        ),
        _said(
            _TITLE,
            30,
            "noel; natale; natal; santa; reindeer; snowman; let it snow; holidays; advent",
        ),
        _said(
            _ALBUM_BASE,
            75,
            "christmas with; christmas album; christmas songs; christmas collection; "
            "home for christmas; merry christmas; a christmas; holiday album; holiday sing along; "
            "canciones de navidad; weihnachtslieder; weihnachten mit; chansons de noel; "
            "canzoni di natale; natal com; christmas hits; christmas jollies; christmas piano; "
            "christmas party; seasons greetings; happy xmas",
        ),
        _said(
            _ALBUM_BASE,
            62,
            "christmas; navidad; navidades; weihnacht; weihnachten; natale; xmas songs",
        ),
        _said(_ALBUM_REMARK, 25, "christmas; xmas; holiday deluxe; holiday edition"),
        _said(_ALBUM, 20, "holiday; noel; natal; let it snow; mistletoe; santa"),
        _said(_GENRE, 30, "^christmas product$; ^villancicos$; ^weihnachtslieder$"),
        _said(_GENRE, 5, "^christmas$; ^jazz christmas$"),
        _said(_LIST, 25, "christmas; xmas; navidad; weihnachten; noel; natale; natal"),
        _said(
            _TITLE,
            -90,
            "christmas in july; merry christmas mr lawrence; do you want to build a snowman",
        ),
        _said(_ALBUM, -60, "ghetto christmas carol; nightmare before christmas"),
        _said(_ARTIST, -60, "christmas"),
    ),
    Label.CHILDREN: (
        _said(
            _ARTIST,
            90,
            "kidz bop; cocomelon; the wiggles; raffi; sesame street; pinkfong; little baby bum; "
            "super simple songs; veggietales; cedarmont kids; baby einstein; rockabye baby; "
            "hushabye baby; twinkle twinkle little rock star; mother goose club; nursery rhymes; "
            "kinderen voor kinderen; barney friends; mickey mouse; dora the explorer; peppa pig; "
            "paw patrol; alvin the chipmunks; alvin and the chipmunks; the chipmunks; elmo; "
            "big bird; the learning station; kinderlieder; canciones infantiles; comptines; "
            "kids choir; childrens choir sings; galinha pintadinha; cantajuego; zecchino doro; "
            "patati patata; rolf zuckowski; volker rosin; simone sommerland; chuchu tv; bluey$",
        ),
        _said(
            _TITLE,
            65,
            "nursery rhyme; nursery rhymes; twinkle twinkle little star; itsy bitsy spider; "
            "incy wincy spider; wheels on the bus; baby shark; old macdonald; abc song; "
            "happy and you know it; felices y lo sabes; theme song disney junior; disney junior; "
            "mickey mouse clubhouse; hush little baby; all the pretty little horses; "
            "alle meine entchen; frere jacques; los pollitos dicen; bruder jakob; ninna nanna; "
            "jesus loves me; skinny marinky",
        ),
        _said(
            _ALBUM,
            65,
            "sesame street; lullaby magic; lullaby renditions; childrens songs; "
            "childrens favorites; songs for children; nursery rhymes; toddler tunes; bible songs; "
            "sunday school songs; silly songs; baby einstein; mickey mouse clubhouse; "
            "disney junior; kids favorite songs; kinderlieder; fur kinder; kinderhits; "
            "canciones infantiles; canciones para ninos; para ninos; chansons pour enfants; "
            "pour les enfants; comptines; canzoni per bambini; per bambini; musicas infantis; "
            "para criancas; singable songs; fathers lullaby; childrens bedtime; lullabies for; "
            "baby lullabies; songs for kids; free to be you and me; here come the 123s; "
            "here come the abcs; kidz bop",
        ),
        _said(_ALBUM, 25, "for kids; lullabies; lullaby; kids songs; for children"),
        _said(_TITLE, 15, "lullaby; kids; children; rock a bye"),
        _said(
            _GENRE,
            65,
            "^childrens music$; ^childrens folk$; ^canadian childrens music$; "
            "^preschool childrens music$; ^muziek voor kinderen$; ^nursery$; ^kindermusik$; "
            "^comptine$; ^cancion infantil$; ^cancoes infantis$; ^kindie$; ^barnmusik$; "
            "^sesame street$; ^lullaby$",
        ),
        _said(_GENRE, 20, "^cartoon$; ^disney$; ^childrens choir$; ^kids dance party$"),
        _said(_LIST, 10, "kids; children; toddlers; kinder; ninos"),
        _said(_TITLE, -40, "dirty nursery rhymes; remix; prod"),
        Shows(Sign.RAP, -60),
    ),
}
