package tags

import "strings"

// commonWords are words of every day that are names as well, or that nobody
// would take for a name, folded. A name that is one of them alone is warned of:
// its capital is all that tells it from the word, and at the beginning of a
// sentence nothing does. The list is of what was met in catalogs, not of a
// language; the archive itself says more (see Survey).
var commonWords = wordSet(`
a about after again all also always and another any apple are around arrow art as at away back bear best big black
block blue board body book box bridge bright brown bull business but buy by call can cap capital car case center central
chase china cloud club coach code coin common company corner court cross crown crystal daily dash data day deal delta
desk digital discord discovery dish do dove down dragon dream drive duke dust eagle earth east echo edge eight element
energy epic era event every express eye fair falcon fast fire first fish five flash focus force ford forest fortune forum
four fox frame free friday friend front future game gap gate general giant global go gold good grace grand gray great green
ground group guardian gulf hall harbor he hello her hill his home hope horizon house hub human i idea image impact in
independent inside institute intel iron island it jack jaguar journal july june just key kind king lake land laser last law
lead leader league legend liberty life light lime line lion live local lotus love lucky magic mail man march mark market
mars master match matrix max may media mercury meta metro mill mini mirror mobile moment monday money moon morning mountain
mustang nation national nature network new news next nice night nine no north not nothing notion novel now oak ocean of
office one online open or oracle orange order origin our out over pace pacific page panda paper park path peak pearl people
phoenix pilot pine pioneer planet plus point polar pool post power press prime project public pulse quest race rain rapid
raven real record red reply report rise river road robin rock root rose round royal ruby sage saturday saturn school scout
sea second service seven shadow shell sign signal silver six sky slack smart snap so social solar some sonic south space
spark spirit spot spring sprint square standard star start state station steam stone storm story stream street stripe strong
subway success summer summit sun sunday sunrise supreme swift system target team that the their then there they thing
think third this three thunder thursday tide tiger time times titan to today together top total tower town trade train
travel tree tribune trump trust tuesday twin two union united unity universal up urban us value vector venture victory
view village vision vista volt wall water wave way we wednesday week west wish what wheel when white who wide will win wind
window windows wing winter wire wise with wolf wonder word work world year yes you young your zero zone zoom
август апрель банк без береза блок большой быстро в вера вести вечер взгляд вид вместе вода воля время все вторник газ газета
где глава год город горы группа да дело день деньги для дом друг еще жизнь завод заря звезда земля знание и известия или
июль июнь как книга когда команда комета компания космос краска красный круг лада лев лента лидер лимон линия любовь люди магнит
май маяк мир мост мы на надежда не небо нет новость новый ночь об облако огонь океан они орел орион открытие от парк
первый перекресток по победа поиск понедельник почта правда право прогресс проект пятница работа развитие разум рассвет
река роза рынок рысь самолет свет свобода связь север сегодня сила слава слово собрание совет солнце союз спутник среда старт
стол страна стрела суббота сокол тайга тигр тройка труд утро факел флаг форум характер час человек четверг что энергия юг это я
він та що й або новини правда світ день час місто вода зоря промінь свобода слово перемога голос
小米 苹果 大众 光明 东方 人民 中国 新华 长城 天空 平安 联想 晨光 太阳 黄河 长江 中心 公司 世界
大会 时间 今天 发展 国家 城市 市场 新闻 网络 银行 学校 文化 未来 希望 红旗 解放 光大 友谊 和平 生活 先锋 前进 明天 春天 大地 高山 海洋 
`)

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}
