"""Text messages through Twilio's Programmable Messaging: https://www.twilio.com/docs/messaging/api/message-resource"""
