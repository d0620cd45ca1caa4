package content

// DateWords is the words of dates and bylines in the languages most read here.
const DateWords = `
	jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov november dec december
	mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday
	am pm est edt cst cdt pst pdt gmt utc bst cet cest ist msk et pt a m p
	by written updated update published posted last modified first created on at and in min mins minute minutes hour hours day days ago read time
	from staff reporter correspondent editor photo photos image share print email comments comment
	января февраля марта апреля мая июня июля августа сентября октября ноября декабря янв фев мар апр июн июл авг сен сент окт ноя дек
	понедельник вторник среда четверг пятница суббота воскресенье сегодня вчера г года в мск обновлено опубликовано автор текст фото
	січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
	januar februar märz april mai juni juli oktober dezember uhr von am um aktualisiert veröffentlicht stand montag dienstag mittwoch donnerstag freitag samstag sonntag
	janvier février mars avril juin juillet août septembre octobre novembre décembre publié mis à jour le par à lundi mardi mercredi jeudi vendredi samedi dimanche
	enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre publicado actualizado por el de a las hora
	gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre pubblicato aggiornato di il alle ore
	年 月 日 时 時 分 秒 星 期 周 来 源 來 发 發 布 表 于 於 作 者 编 編 辑 輯 责 責 任 记 記 更 新 时 间 間 上 午 下 点 點 字 号 號 大 中 小 评 论 分 享 到 阅 读 閱 讀 人 参 与 打 印
	오전 오후 입력 수정 기자`
