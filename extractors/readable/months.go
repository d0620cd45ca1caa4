package readable

import (
	"strings"
	"unicode/utf8"
)

// monthNames are the months as news sites write them in dates, whole and
// short, in the case that a date wants.
var monthNames = [12]string{
	"january jan januar jänner jän janvier janv gennaio gen enero ene janeiro ianuarie ian styczeń stycznia sty leden ledna januari tammikuu tammikuuta ocak oca " +
		"январь января янв січень січня січ студзень студзеня студз януари јануар јануари siječanj siječnja január január ιανουάριος ιανουαρίου ιαν يناير جانفي ينيير ژانویه जनवरी जन জানুয়ারি ינואר มกราคม sausio janvāris janvārī jaanuar gener enero. qaңтар қаңтар yanvar urtarrila xaneiro janar",
	"february feb februar feber février févr fév febbraio febrero fevereiro fev februarie luty lutego lut únor února februari helmikuu helmikuuta şubat şub " +
		"февраль февраля фев февр лютий лютого лют люты лютага февруари фебруар veljača veljače február φεβρουάριος φεβρουαρίου φεβ فبراير فيفري فوریه फरवरी फ़रवरी ফেব্রুয়ারি פברואר กุมภาพันธ์ vasario februāris februārī veebruar febrer ақпан fevral otsaila febreiro shkurt",
	"march mar märz mrz maerz mars marzo março marco martie marzec marca březen března maart mrt maaliskuu maaliskuuta mart " +
		"maret март марта мар березень березня бер сакавік сакавіка ožujak ožujka március marec μάρτιος μαρτίου μαρ مارس आذار मार्च মার্চ מרץ מרס มีนาคม kovo marts martā märts març наурыз martxoa",
	"april apr avril avr aprile abril abr aprilie kwiecień kwietnia kwi duben dubna huhtikuu huhtikuuta nisan nis " +
		"апрель апреля апр квітень квітня квіт красавік красавіка април travanj travnja április apríl apríla απρίλιος απριλίου απρ أبريل ابريل أفريل آوریل अप्रैल এপ্রিল אפריל เมษายน balandžio aprīlis aprīlī aprill сәуір aprel apirila prill",
	"may mai mayo maggio mag maio maj maja květen května mei toukokuu toukokuuta mayıs " +
		"май мая травень травня трав тра травеня мај svibanj svibnja május máj mája μάιος μαΐου μαϊ μαι مايو ماي مه मई মে מאי พฤษภาคม gegužės maijs maijā maig мамыр maiatza maio maí",
	"june jun juni juin giugno giu junio junho iunie iun czerwiec czerwca cze červen června kesäkuu kesäkuuta haziran haz " +
		"июнь июня июн червень червня черв чер чэрвень чэрвеня юни јун јуни lipanj lipnja június jún júna ιούνιος ιουνίου ιουν يونيو جوان ژوئن जून জুন יוני มิถุนายน birželio jūnijs jūnijā juuni juny маусым iyun ekaina xuño qershor júní",
	"july jul juli juil juillet luglio lug julio julho iulie iul lipiec lipca lip červenec července heinäkuu heinäkuuta temmuz tem " +
		"июль июля июл липень липня лип ліпень ліпеня юли јул јули srpanj srpnja július júl júla ιούλιος ιουλίου ιουλ يوليو جويلية ژوئیه जुलाई জুলাই יולי กรกฎาคม liepos jūlijs jūlijā juuli juliol шілде iyul uztaila xullo korrik júlí",
	"august aug août aout agosto ago aug august sierpień sierpnia sie srpen srpna augustus elokuu elokuuta ağustos ağu " +
		"agustus август августа авг серпень серпня серп сер жнівень жніўня kolovoz kolovoza augusztus augusta αύγουστος αυγούστου αυγ أغسطس اغسطس أوت اوت अगस्त আগস্ট אוגוסט สิงหาคม rugpjūčio augusts augustā agost тамыз avqust abuztua gusht ágúst augusti",
	"september sep sept septembre settembre set septiembre setiembre setembro septembrie wrzesień września wrz září syyskuu syyskuuta eylül eyl " +
		"сентябрь сентября сен сент вересень вересня вер верасень верасня септември септембар rujan rujna szeptember septembra σεπτέμβριος σεπτεμβρίου σεπ سبتمبر सितंबर सितम्बर সেপ্টেম্বর ספטמבר กันยายน rugsėjo septembris septembrī setembre қыркүйек sentyabr iraila setembro shtator",
	"october oct oktober okt octobre ottobre ott octubre outubro out octombrie październik października paź říjen října lokakuu lokakuuta ekim eki " +
		"октябрь октября окт жовтень жовтня жовт жов кастрычнік кастрычніка октомври октобар listopada_hr október októbra οκτώβριος οκτωβρίου οκτ أكتوبر اكتوبر اکتبر अक्टूबर अक्तूबर অক্টোবর אוקטובר ตุลาคม spalio oktobris oktobrī oktoober қазан oktyabr urria outubro tetor",
	"november nov novembre noviembre novembro noiembrie noi listopad listopada lis marraskuu marraskuuta kasım kas " +
		"ноябрь ноября ноя нояб листопад листопада лист лис лістапад лістапада ноември новембар studeni studenoga νοέμβριος νοεμβρίου νοε نوفمبر نوامبر नवंबर नवम्बर নভেম্বর נובמבר พฤศจิกายน lapkričio novembris novembrī қараша noyabr azaroa nëntor nóvember",
	"december dec dezember dez décembre déc dicembre dic diciembre dezembro decembrie grudzień grudnia gru prosinec prosince joulukuu joulukuuta aralık ara " +
		"декабрь декабря дек грудень грудня груд гру снежань снежня декември децембар prosinac prosinca december decembra δεκέμβριος δεκεμβρίου δεκ ديسمبر دسامبر दिसंबर दिसम्बर ডিসেম্বর דצמבר ธันวาคม gruodžio decembris decembrī detsember desembre желтоқсан dekabr abendua decembro dhjetor desember des",
}

var months = func() map[string]int {
	m := make(map[string]int)
	for i, names := range monthNames {
		for name := range strings.FieldsSeq(names) {
			if _, ok := m[name]; !ok {
				m[name] = i + 1
			}
		}
	}
	return m
}()

// month is the month that a word names, 0 for none. Hebrew and Arabic write a
// preposition on to it.
func month(w string) int {
	if n := utf8.RuneCountInString(w); n < 2 || n > 14 {
		return 0
	}
	w = strings.ToLower(w)
	if n := months[w]; n > 0 {
		return n
	}
	if rest, ok := strings.CutPrefix(w, "ב"); ok {
		return months[rest]
	}
	return 0
}
