package content

import "strings"

// Groups of phrases that stand in the furniture of pages.
const (
	saysCredit = iota
	saysSource
	saysRights
	saysFoot
	saysFollow
	saysComment
	saysShare
	saysRelated
	saysPlace
	saysPicture
	saysMistake
	saysAdvert
	saysViews
	groupCount
)

// phraseList is what the furniture says, in the languages most read here. A
// phrase is evidence, not a verdict: the forests weigh it with the rest.
var phraseList = [groupCount]string{
	saysCredit: `责任编辑|责编|编辑|責任編輯|編輯|主编|值班|校对|审核|监制|撰文|作者|记者|記者|本报记者|文/|文 图|通讯员|实习生|终审|责任校对|
		автор|редактор|корреспондент|текст|подготовил|подготовила|беседовал|беседовала|автор фото|автори|
		reporting by|editing by|edited by|written by|additional reporting|contributed to this report|compiled by|about the author|staff writer|
		redaktion|autor|mit material von|par|rédigé par|a cura di|redacción|文責|取材|編集|기자`,
	saysSource: `来源|來源|稿源|原标题|原標題|本文来源|文章来源|转载自|本文首发|首发于|原载|刊载于|第 版|
		источник|источники|по материалам|опубликовано в|газета|федеральный выпуск|номер|джерело|source|sources|quelle|fonte|fuente|this article was originally|originally published|first published|出典|提供`,
	saysRights: `声明|聲明|免责|免责声明|版权|版权声明|版权所有|未经授权|未经许可|未经书面|不得转载|请勿转载|禁止转载|严禁转载|转载请注明|如需转载|违者必究|仅代表作者|不代表本|不代表平台|不构成投资|投资建议|据此操作|风险自担|侵权|著作權|版權|未經授權|特别声明|仅供参考|信息存储|自媒体|
		все права защищены|при использовании материалов|при цитировании|перепечатка|гиперссылка|ссылка обязательна|использование материалов|иноагент|иностранного агента|иностранным агентом|мнение автора|мнение редакции|усі права|
		all rights reserved|copyright|may not be published|terms of use|terms of service|the views expressed|opinions expressed|do not reproduce|alle rechte|tous droits|todos los derechos|tutti i diritti|wszelkie prawa|無断転載|転載を禁|著作権|무단전재|무단 전재|재배포|저작권`,
	saysFoot: `关于我们|联系我们|联系方式|广告服务|招聘|网站地图|网站律师|备案|许可证|icp|公网安备|举报|不良信息|增值电信|服务条款|隐私|法律|网站声明|关于|客服|電話|關於我們|聯絡我們|隱私|廣告刊登|
		о проекте|о редакции|об издании|контакты|рекламодателям|реклама на сайте|политика конфиденциальности|пользовательское соглашение|свидетельство|свидетельство о регистрации|зарегистрирован|роскомнадзор|роскомнадзором|учредитель|главный редактор|адрес редакции|сетевое издание|карта сайта|вакансии|про нас|контакти|
		privacy policy|cookie policy|contact us|about us|terms and conditions|site map|sitemap|careers|advertise with us|impressum|datenschutz|agb|mentions légales|aviso legal|política de privacidad|polityka prywatności|お問い合わせ|会社概要|利用規約|회사소개|이용약관|개인정보`,
	saysFollow: `扫码|扫一扫|掃描|二维码|下载|下載|客户端|app|关注|關注|公众号|微信号|长按|打开|订阅|訂閱|加入会员|会员|精彩内容|官方微博|官方微信|新闻线索|爆料|投稿|商务合作|加入|按讚|粉絲|
		подписывайтесь|подпишитесь|подписаться|подписка|рассылка|рассылку|телеграм канал|telegram канал|наш канал|наш телеграм|в телеграме|в telegram|следите за|читайте нас|присоединяйтесь|приложение|установите|скачайте|добавьте|дзен|яндекс новости|яндекс|google новости|поддержите|поддержать|донат|пришлите|пишите нам|підписуйтесь|підписатися|
		subscribe|sign up|newsletter|follow us|download the app|get the app|our app|get our|join our|register now|support us|donate|become a member|email address|abonnieren|abonnez|s abonner|suscríbete|suscribete|iscriviti|zapisz się|abone|登録|フォロー|メルマガ|구독`,
	saysComment: `评论|評論|网友评论|跟贴|跟帖|发表评论|条评论|我来说两句|说两句|登录后|登录|留言|热门评论|最新评论|回复|点赞|赞|讨论|發言|回應|
		комментарии|комментарий|комментариев|комментария|комментировать|обсудить|войдите|авторизуйтесь|ответить|нравится|реакции|коментарі|коментувати|понравилось|лайк|оцените|
		comments|comment|leave a comment|leave a reply|post a comment|log in|join the conversation|reply|like|likes|kommentare|kommentar|commentaires|comentarios|commenti|komentarze|antworten|コメント|댓글|좋아요`,
	saysShare: `分享|分享到|转发|收藏|微博|微信|朋友圈|复制链接|打印|字号|分享至|qq|好友|空间|大字|小字|繁|line|facebook|
		поделиться|поделитесь|скопировать|скопировать ссылку|ссылка скопирована|вконтакте|одноклассники|вк|телеграм|сохранить|закладки|распечатать|версия для печати|отправить|поділитися|
		share|share this|copy link|link copied|tweet|whatsapp|telegram|pinterest|linkedin|email|print|save|teilen|drucken|merken|partager|imprimer|compartir|condividi|udostępnij|シェア|ツイート|印刷|공유|인쇄`,
	saysRelated: `相关|相关阅读|相关新闻|相关报道|相关文章|延伸阅读|延伸閱讀|推荐阅读|推荐|为你推荐|为您推荐|热门|热门推荐|更多|查看更多|更多新闻|更多精彩|猜你喜欢|上一篇|下一篇|编辑推荐|热点|排行|返回|相關|推薦|往期|大家都在看|热榜|阅读原文|展开全文|点击|专题|話題|話題新聞|更多內容|精选|看更多|相关推荐|最新新闻|最新消息|
		читайте также|читайте|читать также|читать|по теме|материалы по теме|материал по теме|другие новости|другие материалы|смотрите также|подробнее|читать далее|рекомендуем|новости по теме|популярное|самое читаемое|главное|главные новости|сюжет|новости партнеров|новости партнёров|лента новостей|ещё по теме|еще по теме|также по теме|похожие|похожие материалы|другое|теги|темы|показать еще|показать ещё|все новости|следующая|предыдущая|не пропустите|выбор редакции|это интересно|вам может|читайте також|читайте далі|більше новин|вас може|
		related|related articles|related stories|read more|read also|see also|also read|read next|more on this|more from|more stories|more news|recommended|most read|most popular|trending|you may also like|you might also|top stories|latest news|up next|don t miss|editor s picks|topics|tags|in this article|load more|view more|show more|continue reading|click here|previous|next|
		mehr zum thema|lesen sie auch|auch interessant|das könnte sie auch|weitere artikel|mehr|meistgelesen|themen|lire aussi|à lire|sur le même sujet|articles liés|leggi anche|potrebbe interessarti|lea también|lee también|te puede interesar|relacionados|zobacz także|czytaj także|czytaj też|przeczytaj|læs også|les også|läs också|lees ook|lue myös|ilgili haberler|関連記事|関連|あわせて読みたい|続きを読む|おすすめ|관련기사|관련 기사|많이 본|추천`,
	saysPlace: `当前位置|您所在的位置|您的位置|所在位置|首页|正文|新闻中心|频道|首頁|
		главная|вы здесь|меню|поиск|войти|вход|все рубрики|рубрика|головна|home|startseite|accueil|you are here|menu|search|skip to|jump to|back to|to top|наверх|login|inicio|ホーム|홈`,
	saysPicture: `图片|供图|资料图|图源|图片来源|摄|视觉中国|新华社发|攝|圖|图|图为|配图|海报|截图|視頻|视频|视频截图|受访者|圖片|圖說|資料照|
		фото|фотография|фотограф|на фото|иллюстрация|видео|кадр|скриншот|изображение|риа новости|тасс|getty|shutterstock|коллаж|пресс служба|обложка|світлина|
		photo|photos|photo by|photograph|image|images|credit|getty images|ap photo|afp|reuters|picture|pictured|file photo|courtesy|caption|video|watch|gallery|foto|bild|bildquelle|dpa|crédit|imagen|写真|提供写真|画像|사진|영상`,
	saysMistake: `纠错|我要纠错|挑错|报错|反馈|意见反馈|ошибка|ошибку|опечатку|ctrl|нашли ошибку|выделите|сообщить об ошибке|enter|помилку|report a typo|report an error|corrections|feedback|fehler melden|誤字`,
	saysAdvert:  `广告|推广|赞助|廣告|贊助|реклама|на правах рекламы|erid|рекламодатель|партнерский материал|advertisement|advertisements|ad|sponsored|sponsored content|promoted|affiliate|commission|anzeige|werbung|publicité|publicidad|pubblicità|reklama|reklam|広告|スポンサー|광고`,
	saysViews: `阅读|阅读数|浏览|人气|点击数|分钟|阅读全文|播放|閱讀|瀏覽|
		просмотров|просмотра|просмотры|время чтения|минут чтения|минуты чтения|минута чтения|прочитано|опубликовано|обновлено|изменено|
		views|min read|minute read|minutes read|read time|reading time|last updated|published|updated|listen to this|lesezeit|temps de lecture|tiempo de lectura|閲覧|조회`,
}

type phrase struct {
	words []uint64
	group uint8
}

// phrases are by their first word.
var phrases = func() map[uint64][]phrase {
	m := make(map[uint64][]phrase)
	for g, list := range phraseList {
		for p := range strings.SplitSeq(list, "|") {
			if ws := hashWords(p); len(ws) > 0 {
				m[ws[0]] = append(m[ws[0]], phrase{ws, uint8(g)})
			}
		}
	}
	return m
}()

// phraseWords is up to how many words of a block phrases are looked for; longer
// ones are prose, whatever they say.
const phraseWords = 160

// said are what the furniture phrases in a block are: for each group 2 where
// the block begins with one, 1 where one stands elsewhere in it; and the share
// of its words that are part of one.
type said struct {
	groups [groupCount]uint8
	share  float32
}

func (d *Document) said(b *Block) (s said) {
	ws := d.words[b.first:b.last]
	if len(ws) == 0 || len(ws) > phraseWords {
		return s
	}
	covered, to := 0, 0
	for i, w := range ws {
		for _, p := range phrases[w] {
			if len(ws)-i < len(p.words) || !sameWords(ws[i:i+len(p.words)], p.words) {
				continue
			}
			v := uint8(1)
			if i < 2 {
				v = 2
			}
			s.groups[p.group] = max(s.groups[p.group], v)
			if end := i + len(p.words); end > to {
				covered += end - max(to, i)
				to = end
			}
		}
	}
	s.share = float32(covered) / float32(len(ws))
	return s
}

func sameWords(a, b []uint64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
