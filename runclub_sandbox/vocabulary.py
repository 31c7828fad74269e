"""Words and genre facts the built-in world is made of. Genre names are real terms."""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How one umbrella sounds, when it lived and how it is named.

    Attributes:
        label: the umbrella as the catalogue spells it.
        language: which word lists titles and names come from.
        genres: artist genres with the decade (1950-2020) from which they occur.
        weights: relative amount of music per decade 1950, 1960 … 2020.
        energy: mean energy 0-1; likewise the next four.
        tempos: mean, spread (BPM) and share of each tempo group.
        loudness: mean, dB.
    """

    label: str
    language: str
    genres: tuple[tuple[str, int], ...]
    weights: tuple[float, ...]
    energy: float
    danceability: float
    valence: float
    acousticness: float
    instrumentalness: float
    speechiness: float
    loudness: float
    tempos: tuple[tuple[float, float, float], ...]


def _style(
    label: str,
    language: str,
    genres: str,
    weights: str,
    sound: str,
    tempos: str,
) -> Style:
    """Reads a compact row: ``genre@decade``, eight weights, seven means, mean/spread/share."""
    values = [float(part) for part in sound.split()]
    return Style(
        label,
        language,
        tuple(
            (name.strip(), int(decade))
            for name, _, decade in (part.partition("@") for part in genres.split(","))
        ),
        tuple(float(part) for part in weights.split()),
        values[0],
        values[1],
        values[2],
        values[3],
        values[4],
        values[5],
        values[6],
        tuple(
            (float(mean), float(spread), float(share))
            for mean, spread, share in (part.split("/") for part in tempos.split())
        ),
    )


STYLES: tuple[Style, ...] = (
    _style(
        "Pop",
        "en",
        "pop@1970,dance pop@1980,synth-pop@1980,electropop@2000,teen pop@1990,art pop@1980,"
        "brill building pop@1950,sunshine pop@1960,power pop@1970,bubblegum pop@1960,"
        "hyperpop@2010,europop@1980,indie pop@1990,soft pop@1970,post-teen pop@2010",
        ".5 .9 1 1.4 1.5 1.7 2 1.8",
        ".65 .66 .58 .22 .01 .06 -6.5",
        "120/12/.6 98/9/.25 170/9/.15",
    ),
    _style(
        "Rock",
        "en",
        "rock@1960,classic rock@1960,rock-and-roll@1950,rockabilly@1950,garage rock@1960,"
        "psychedelic rock@1960,hard rock@1970,glam rock@1970,album rock@1970,punk@1970,"
        "heartland rock@1980,new wave@1980,alternative rock@1990,grunge@1990,pop punk@1990,"
        "post-grunge@1990,emo@2000,modern rock@2000,skate punk@1990,hardcore punk@1980",
        ".8 1.5 1.8 1.6 1.6 1.5 1.2 .9",
        ".75 .52 .55 .12 .05 .05 -7",
        "128/16/.6 168/12/.3 96/8/.1",
    ),
    _style(
        "Indie",
        "en",
        "indie rock@1980,indie pop@1990,indie folk@2000,dream pop@1980,shoegaze@1990,"
        "jangle pop@1980,lo-fi indie@1990,bedroom pop@2010,chamber pop@1990,indietronica@2000,"
        "c86@1980,slacker rock@1990,midwest emo@1990,modern alternative rock@2010",
        "0 .05 .12 .6 1.1 1.4 1.7 1.4",
        ".64 .55 .5 .25 .08 .05 -7.5",
        "122/14/.6 150/10/.25 92/8/.15",
    ),
    _style(
        "Hip-Hop",
        "en",
        "hip hop@1980,rap@1980,old school hip hop@1980,golden age hip hop@1980,boom bap@1990,"
        "gangster rap@1990,east coast hip hop@1990,west coast rap@1990,southern hip hop@1990,"
        "crunk@2000,trap@2000,conscious hip hop@1990,grime@2000,uk drill@2010,cloud rap@2010,"
        "underground hip hop@1990,melodic rap@2010,jersey club rap@2020",
        "0 0 .05 .6 1.5 1.6 1.9 1.6",
        ".66 .76 .52 .15 .01 .24 -6.5",
        "92/8/.5 142/9/.35 160/8/.15",
    ),
    _style(
        "R&B & Soul",
        "en",
        "soul@1950,classic soul@1960,motown@1960,r&b@1980,contemporary r&b@1990,quiet storm@1970,"
        "new jack swing@1980,neo soul@1990,southern soul@1960,northern soul@1960,"
        "philly soul@1970,alternative r&b@2010,urban contemporary@1990,doo-wop@1950",
        ".7 1.2 1.3 1.1 1.3 1.2 1.1 1",
        ".52 .64 .58 .32 .01 .07 -8",
        "96/10/.6 118/8/.3 74/6/.1",
    ),
    _style(
        "Electronic",
        "en",
        "electronica@1980,ambient techno@1990,downtempo@1990,idm@1990,drum and bass@1990,"
        "breakbeat@1990,trip hop@1990,synthwave@2000,electro@1980,dubstep@2000,chillwave@2000,"
        "jungle@1990,krautrock@1970,big beat@1990,uk garage@1990,liquid funk@2000",
        "0 .02 .15 .5 1.2 1.2 1.3 1",
        ".7 .64 .42 .1 .6 .06 -8",
        "126/8/.4 172/4/.35 95/10/.25",
    ),
    _style(
        "EDM",
        "en",
        "edm@2000,big room@2010,progressive house@2000,electro house@2000,future bass@2010,"
        "melodic dubstep@2010,trance@1990,uplifting trance@1990,hardstyle@2000,"
        "tropical house@2010,happy hardcore@1990,eurodance@1990,hands up@2000",
        "0 0 0 .1 .8 1 1.9 1.3",
        ".84 .63 .42 .05 .2 .07 -5",
        "128/2/.6 150/4/.2 138/2/.2",
    ),
    _style(
        "House",
        "en",
        "house@1980,chicago house@1980,deep house@1980,tech house@1990,disco house@1990,"
        "acid house@1980,uk house@2010,afro house@2010,french house@1990,vocal house@1990,"
        "slap house@2010,bass house@2010,lo-fi house@2010",
        "0 0 0 .5 1.1 1.1 1.4 1.3",
        ".76 .78 .55 .06 .35 .06 -7",
        "124/2/.8 120/2/.2",
    ),
    _style(
        "Techno",
        "en",
        "techno@1980,detroit techno@1980,minimal techno@1990,acid techno@1990,hard techno@2010,"
        "melodic techno@2010,industrial techno@2000,dub techno@1990,schranz@1990,"
        "peak time techno@2010",
        "0 0 0 .3 1 .9 1.2 1.2",
        ".78 .72 .3 .04 .78 .06 -8.5",
        "130/4/.6 145/4/.3 160/3/.1",
    ),
    _style(
        "Latin",
        "es",
        "latin@1990,latin pop@1980,salsa@1970,cumbia@1960,bachata@1990,merengue@1980,"
        "bolero@1950,mambo@1950,latin rock@1970,vallenato@1980,norteno@1980,ranchera@1950,"
        "tropical@1980,bossa nova@1950,mpb@1960,urbano latino@2010,corridos tumbados@2020",
        ".5 .6 .8 1 1.2 1.2 1.4 1.4",
        ".68 .68 .7 .3 .01 .07 -6.5",
        "100/8/.5 128/8/.3 168/10/.2",
    ),
    _style(
        "Reggaeton",
        "es",
        "reggaeton@1990,dembow@2000,trap latino@2010,reggaeton flow@2010,perreo@2000,"
        "reggaeton colombiano@2010,neoperreo@2010,rap latina@2010",
        "0 0 0 0 .3 .9 1.6 1.7",
        ".72 .78 .66 .18 .005 .12 -5.5",
        "94/3/.7 118/5/.15 172/6/.15",
    ),
    _style(
        "Metal",
        "en",
        "metal@1970,heavy metal@1970,thrash metal@1980,death metal@1980,black metal@1980,"
        "power metal@1990,doom metal@1980,metalcore@1990,nu metal@1990,groove metal@1990,"
        "progressive metal@1990,symphonic metal@1990,glam metal@1980,djent@2000,speed metal@1980",
        "0 .05 .5 1.4 1.3 1.3 1.2 .9",
        ".91 .42 .32 .02 .15 .09 -5.5",
        "138/16/.5 172/12/.4 90/8/.1",
    ),
    _style(
        "Country & Americana",
        "en",
        "country@1950,classic country@1950,honky tonk@1950,nashville sound@1950,"
        "outlaw country@1970,country rock@1970,bluegrass@1950,alt country@1990,americana@1990,"
        "contemporary country@1990,country road@2000,red dirt@2000,texas country@1980,"
        "western swing@1950,progressive country@1970,bro-country@2010",
        ".9 .9 .28 .9 1.3 1.2 1.3 1.2",
        ".6 .58 .58 .38 .01 .04 -7",
        "118/16/.6 148/10/.25 84/8/.15",
    ),
    _style(
        "Afrobeat",
        "en",
        "afrobeat@1970,afrobeats@2000,highlife@1950,afropop@1980,amapiano@2010,alte@2010,"
        "soukous@1970,juju@1960,azonto@2000,afro soul@2000,gqom@2010,naija worship@2010",
        ".08 .15 .4 .1 .2 .5 1.2 1.5",
        ".66 .76 .7 .28 .05 .08 -7",
        "106/6/.6 113/2/.3 126/6/.1",
    ),
    _style(
        "K-Pop",
        "ko",
        "k-pop@1990,k-pop girl group@1990,k-pop boy group@1990,korean pop@1990,k-rap@2000,"
        "korean r&b@2000,k-indie@2000,korean ost@2000,trot@1970,korean old school hip hop@1990",
        "0 .02 .06 .08 .5 .9 1.5 1.5",
        ".74 .68 .6 .15 .003 .08 -4.8",
        "122/8/.6 98/8/.25 158/10/.15",
    ),
    _style(
        "Bollywood",
        "hi",
        "bollywood@1950,filmi@1950,classic bollywood@1950,modern bollywood@2000,bhangra@1980,"
        "desi pop@1990,hindi indie@2010,punjabi pop@1990,ghazal@1960,desi hip hop@2010,"
        "sufi@1980",
        ".5 .6 .7 .6 .9 1 1.2 1.2",
        ".62 .65 .64 .38 .01 .07 -7.5",
        "100/10/.6 128/10/.3 158/8/.1",
    ),
    _style(
        "Reggae",
        "en",
        "reggae@1960,roots reggae@1970,dancehall@1980,ska@1960,rocksteady@1960,dub@1970,"
        "lovers rock@1970,reggae fusion@1990,ska punk@1990,uk reggae@1970,soca@1980",
        ".05 .5 1.1 1 .9 .8 .7 .5",
        ".62 .74 .76 .16 .05 .1 -7.5",
        "80/8/.4 100/8/.3 155/12/.3",
    ),
    _style(
        "Funk & Disco",
        "en",
        "funk@1960,disco@1970,p funk@1970,post-disco@1980,boogie@1980,nu disco@2000,"
        "italo disco@1980,soul disco@1970,funk rock@1970,go-go@1970,future funk@2010,"
        "jazz funk@1970",
        ".05 .5 1.6 1.3 .4 .5 .8 .7",
        ".72 .77 .8 .14 .08 .06 -8",
        "114/8/.6 122/4/.4",
    ),
    _style(
        "Folk & Acoustic",
        "en",
        "folk@1950,folk rock@1960,singer-songwriter@1960,acoustic pop@2000,stomp and holler@2010,"
        "celtic@1970,british folk@1960,freak folk@2000,new americana@2010,indie anthem-folk@2000,"
        "sea shanties@1970,traditional folk@1950",
        ".5 1 .9 .4 .6 .8 1.1 .9",
        ".36 .5 .42 .72 .05 .04 -11",
        "108/16/.6 140/12/.25 78/8/.15",
    ),
    _style(
        "Jazz & Blues",
        "en",
        "jazz@1950,bebop@1950,cool jazz@1950,hard bop@1950,swing@1950,vocal jazz@1950,"
        "jazz fusion@1970,smooth jazz@1980,contemporary jazz@1990,blues@1950,chicago blues@1950,"
        "electric blues@1960,blues rock@1960,nu jazz@2000,soul jazz@1960,jump blues@1950",
        "1.3 1.1 .8 .5 .6 .6 .6 .5",
        ".4 .52 .52 .68 .35 .05 -12",
        "112/22/.5 168/20/.25 80/10/.25",
    ),
    _style(
        "Classical & Ambient",
        "cl",
        "classical@1950,ambient@1970,minimalism@1960,neo-classical@1990,orchestral@1950,"
        "chamber music@1950,piano@1950,drone@1970,space ambient@1980,compositional ambient@2000,"
        "soundtrack@1960,baroque ensemble@1960,choral@1950",
        ".5 .5 .5 .5 .6 .7 .8 .6",
        ".18 .28 .18 .9 .85 .04 -20",
        "92/20/.6 128/18/.2 70/10/.2",
    ),
)

FIRST_NAMES = {
    "en": "Ada Alden Ambrose Annika Arlo Bea Brannon Calla Cassius Cleo Cormac Dahlia Darius Delia "
    "Desmond Edda Elias Esme Everett Fenn Fiona Flossie Gideon Greta Hadley Harlan Hattie Hollis "
    "Imogen Ines Ingram Ira Isla Jessamy Jonah Juno Kit Lark Lenora Linus Lorna Mabel Maceo "
    "Magnus Marlow Merritt Micah Minnie Nell Nico Odessa Orla Otis Pearl Perrin Phoebe Quill "
    "Ramona Reuben Rosalind Rufus Sable Selah Silas Sonny Tabitha Tamsin Tobias Ulla Vesper "
    "Wendell Willa Winslow Xanthe Yara Zadie Zeke".split(),
    "es": "Aitana Alonso Amparo Baltasar Belén Candela Celestino Chayo Damián Dolores Elías Emilia "
    "Fermín Florencia Gael Graciela Héctor Ignacio Inés Itzel Jacinta Joaquín Lázaro Lucía Maite "
    "Marisol Matías Milagros Nahuel Nicanor Ofelia Óscar Paloma Paz Ramiro Renata Rocío Sofía "
    "Tadeo Tomás Úrsula Valentina Ximena Yolanda Zoé".split(),
    "ko": "Ara Bomi Chaewon Daon Eunbi Gaeul Haneul Hyunwoo Jiho Jisoo Juni Karam Minseo Nabi "
    "Narae Nuri Raon Saebom Seojun Sihyun Somin Taeyang Yejin Yuna".split(),
    "hi": "Aarav Aditi Amrita Anjali Arjan Chitra Devika Farhan Gauri Harsh Ishaan Jyoti Kabir "
    "Kavya Lata Madhav Meera Nandini Omkar Padma Pranav Radhika Ravi Rukmini Sahil Sanjana Tara "
    "Uday Vasudha Zoya".split(),
    "cl": "Albrecht Anneliese Benedikt Clémence Dmitri Éloïse Friedrich Gísli Henrike Ilse Jørgen "
    "Katarzyna Léon Margarethe Nikolai Ottilie Père Ragnhild Solveig Théodore Ulrike Václav "
    "Wilhelmina Yevgenia".split(),
}
LAST_NAMES = {
    "en": "Abernathy Aldersey Ashgrove Barrowman Bellweather Birdsong Blackwater Bramwell "
    "Calloway-Reed Cartlidge Copperfield Crane-Wills Dunmore Eastlake Fairweather Farthing "
    "Fennimore Garrowby Goodhew Greenhalgh Hallorann Harkness Hatherley Hollander Ironside "
    "Jessop Kettlewell Kingsnorth Larkspur Lindqvist Loveday Maddox-Bell Merriweather Nightjar "
    "Northcote O'Dannell Oakhurst Pemberly Penhallow Quarrington Ravenhill Redfern Rooksby "
    "Saltmarsh Sattler Silverthorne Stonebraker Tallis Thackery Thornbury Underhill Vandermeer "
    "Wainscott Weatherby Whitlock Wrenfield Yarrow".split(),
    "es": "Alcaráz Arrieta Barrientos Bustamante-Rey Cañizares Cisneros-Vela Echeverri Espinar "
    "Figueras Galdámez Iturbe Jaramillo-Sol Lezcano Maldonado-Paz Montaño Navarrete Olmedo "
    "Peñaloza Quiñones Rentería Sandoval-Luna Tejeda Urrutia Valcárcel Zubizarreta".split(),
    "ko": "Ahn Baek Cha Do Eom Gil Ha Jang Ko Maeng Noh Pyo Seol Tak Yeom".split(),
    "hi": "Ahluvaria Banerjea Chandrashekar Deshmane Gulzari Iyengarsen Joshipura Kashyapi "
    "Malhotri Nairwal Pathakar Raizada Sehgalia Thakurani Vaidyan".split(),
    "cl": "Aldenhoven Brückner-Vogt Czernowitz Dalgaard Eisenreich Fournelle Grünwaldt Hallström "
    "Ivanovsky Jaspersen Kovářová Lindgärde Morgenroth Nørregaard Ostrava Petrescu Rosenquist "
    "Szymborski Tchernov Wiśniowiecki".split(),
}
ADJECTIVES = {
    "en": "Amber Blue Broken Crooked Crystal Distant Electric Endless Faded Gentle Golden Heavy "
    "Hollow Hungry Lonesome Lost Lucky Midnight Neon Northern Paper Plastic Quiet Red Restless "
    "Rusted Secret Shallow Silver Slow Southern Static Sudden Sweet Tender Velvet Violet Wicked "
    "Wild Wooden Yellow Young".split(),
    "es": "Azul Bella Callada Ciega Dorada Dulce Eterna Fría Herida Lenta Libre Loca Mojada Nueva "
    "Oscura Perdida Prohibida Rota Salvaje Sola Tibia Vieja".split(),
    "ko": "Blooming Cherry Crystal Dreaming Electric Falling Honey Lucid Lunar Midnight Neon Pink "
    "Rising Secret Shining Sugar Velvet".split(),
    "hi": "Adhoori Anjaani Bheegi Chalti Deewani Gulabi Jaagi Khoyi Meethi Naadaan Nayi Pehli "
    "Purani Rangeeli Soni Suni".split(),
    "cl": "Arctic Celestial Distant Frozen Half-Lit Inner Luminous Nocturnal Slow Still Submerged "
    "Vanishing Weightless".split(),
}
NOUNS = {
    "en": "Anchor Arrow Avenue Ballroom Bell Blanket Bridge Candle Carousel Cathedral Chain Circus "
    "City Coast Coyote Crown Diamond Dream Echo Engine Feather Fever Fire Flame Fortune Garden "
    "Ghost Harbor Heart Highway Honey Horizon Hurricane Island Junction Kingdom Ladder Lantern "
    "Letter Lightning Lion Machine Mercy Mirror Moon Mountain Needle Ocean Orchard Palace Parade "
    "Pocket Radio Railway Rain River Rose Saint Satellite Shadow Sparrow Stone Storm Summer Sun "
    "Thunder Tiger Town Train Valley Wagon Water Whiskey Window Winter Wolf".split(),
    "es": "Aguacero Alma Arena Boca Calle Canción Cielo Ciudad Corazón Costumbre Espejo Estrella "
    "Fiesta Fuego Guitarra Habana Herida Isla Lluvia Luna Madrugada Mañana Mar Mentira Mirada "
    "Noche Ola Palabra Piel Playa Razón Sangre Sirena Sombra Tormenta Verano Vida Voz".split(),
    "ko": "Butterfly Candy Comet Drama Echo Galaxy Heartbeat Hologram Jelly Lipstick Melody Mirror "
    "Paradise Polaroid Rocket Signal Starlight Summer Universe 나비 바람 별빛 사랑 하루".split(),
    "hi": "Aankhen Asmaan Baarish Chaand Dhadkan Dil Duniya Gali Ishq Jaan Khwaab Kinara Lamha "
    "Manzil Mausam Mohabbat Raat Raasta Saawan Sapna Savera Shaam Sitara Yaadein Zindagi".split(),
    "cl": "Aurora Cathedral Cloud Estuary Fjord Garden Glacier Horizon Lake Lantern Meadow Mist "
    "Orbit Reverie River Shore Silence Snow Tide Valley Window".split(),
}
VERBS = (
    "Break Bring Call Carry Catch Chase Follow Forget Forgive Hold Hurt Keep Kiss Leave Love Move "
    "Need Raise Remember Save Shake Show Take Teach Tell Trust Turn Wake Want Watch"
).split()
PLACES = (
    "Abilene,Baltimore,Brighton,Chattanooga,Copenhagen,Dakar,El Paso,Glasgow,Havana,Kingston,"
    "Lagos,Laredo,Lisbon,Memphis,Mobile,Montréal,Muscle Shoals,Nashville,Osaka,Reykjavík,"
    "Sacramento,Santa Fe,Seoul,Tulsa,Valparaíso,Zürich"
).split(",")
BAND_TAILS = (
    "Band,Brothers,Collective,Club,Company,Orchestra,Project,Sisters,Society,System,Union"
).split(",")
LABELS = (
    "Paper Lantern Records,Northbound,Salt & Vinyl,Ninth Avenue,Blue Kettle,Harbour Sound,"
    "Ostrich Audio,Tin Roof Recordings,Meridian,Second Sunday,Círculo Rojo,Haneul Entertainment,"
    "Raag House,Low Tide"
).split(",")
KEYS = "C,D-flat,D,E-flat,E,F,F-sharp,G,A-flat,A,B-flat,B".split(",")
FORMS = "Nocturne,Prelude,Étude,Sonata,Partita,Impromptu,Ballade,Intermezzo,Fugue,Suite".split(",")
